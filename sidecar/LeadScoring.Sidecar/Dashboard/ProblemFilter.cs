using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Filters;
using Microsoft.AspNetCore.Mvc.ViewFeatures;

namespace LeadScoring.Sidecar.Dashboard;

/// <summary>What the API would answer with a problem, a page says in words: on the page that was left when something was to be done, else on a page of its own.</summary>
internal sealed class ProblemFilter(ITempDataDictionaryFactory messages) : IExceptionFilter
{
    public void OnException(ExceptionContext context)
    {
        if (context.Exception is not ProblemException problem) return;
        var http = context.HttpContext;
        var words = Words(problem);
        context.ExceptionHandled = true;
        if (http.Request.Headers.ContainsKey("HX-Request"))
            context.Result = new ContentResult { StatusCode = problem.Kind.Status, ContentType = "text/html; charset=utf-8", Content = $"<p class=\"notice bad\" role=\"alert\">{System.Text.Encodings.Web.HtmlEncoder.Default.Encode(words)}</p>" };
        else if (HttpMethods.IsPost(http.Request.Method))
        {
            messages.GetTempData(http)[DashboardPage.ProblemMessage] = words;
            context.Result = new LocalRedirectResult(http.Request.Path + http.Request.QueryString.Value?.Replace("handler=", "was=", StringComparison.Ordinal));
        }
        else
        {
            context.Result = new ViewResult { ViewName = "/Dashboard/Pages/Problem.cshtml", StatusCode = problem.Kind.Status, ViewData = new ViewDataDictionary(new Microsoft.AspNetCore.Mvc.ModelBinding.EmptyModelMetadataProvider(), context.ModelState) { ["Problem"] = words } };
        }
    }

    private static string Words(ProblemException problem) =>
        problem.Errors is { Count: > 1 } errors ? string.Join(" ", errors.Select(e => e.Detail)) : problem.Errors is [var one] ? one.Detail : problem.Message;
}
