using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>A CRM that n8n reaches by itself, as templates 03 and 04 describe it: deals and leads in pages of two, and leads that can be changed.</summary>
internal sealed class FakeCrm : IAsyncDisposable
{
    public const string Header = "X-Crm-Key";
    public const string Key = "key-of-the-crm";
    private const int PageSize = 2;

    private readonly WebApplication app;
    private int failuresLeft;

    private FakeCrm(WebApplication app) => this.app = app;

    public Uri Url => new(app.Urls.Single());

    public JsonArray Deals { get; set; } = [];

    public JsonArray Leads { get; set; } = [];

    /// <summary>What was written, by the lead's id, in the order in which it came.</summary>
    public ConcurrentQueue<(string Id, JsonObject Fields)> Written { get; } = new();

    /// <summary>The moments since which changes were asked for.</summary>
    public ConcurrentQueue<string> AskedSince { get; } = new();

    public static async Task<FakeCrm> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var crm = new FakeCrm(app);
        app.Use(crm.CheckAsync);
        app.MapGet("/deals", context => crm.PageAsync(context, "deals", crm.Deals));
        app.MapGet("/leads", context => crm.PageAsync(context, "leads", crm.Leads));
        app.MapPatch("/leads/{id}", crm.WriteAsync);
        await app.StartAsync();
        return crm;
    }

    /// <summary>The next writes are answered with 503.</summary>
    public void RefusesWrites(int count) => failuresLeft = count;

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Headers[Header] == Key) return next(context);
        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        return Task.CompletedTask;
    }

    private Task PageAsync(HttpContext context, string name, JsonArray rows)
    {
        AskedSince.Enqueue(context.Request.Query["changed_since"].ToString());
        var skip = int.TryParse(context.Request.Query["skip"], out var given) ? given : 0;
        var next = skip + PageSize < rows.Count ? $"{Url}{name}?skip={skip + PageSize}" : null;
        return context.Response.WriteAsJsonAsync(new JsonObject { [name] = new JsonArray([.. rows.Skip(skip).Take(PageSize).Select(row => row!.DeepClone())]), ["next"] = next });
    }

    private async Task WriteAsync(HttpContext context)
    {
        var id = (string)context.Request.RouteValues["id"]!;
        var fields = (await context.Request.ReadFromJsonAsync<JsonObject>(context.RequestAborted))!;
        var lead = Leads.SingleOrDefault(one => (string?)one!["id"] == id);
        if (Interlocked.Decrement(ref failuresLeft) >= 0) context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        else if (lead is null || (bool?)lead["gone"] == true) context.Response.StatusCode = StatusCodes.Status404NotFound;
        else
        {
            Written.Enqueue((id, fields));
            foreach (var (name, value) in fields) lead[name] = value?.DeepClone();
            await context.Response.WriteAsJsonAsync(lead);
        }
    }
}
