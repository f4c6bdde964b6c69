using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Benchmarks;

/// <summary>The least that a request can cost on this server: the body is read, as many bytes are answered as <c>?bytes=</c> of the start says, and nothing is done.</summary>
internal static class EmptyServer
{
    internal const string Command = "empty-server";

    /// <summary>Serves /N with an answer of N bytes, for each N.</summary>
    internal static async Task RunAsync(string url, IEnumerable<int> sizes)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url).ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        await using var app = builder.Build();
        foreach (var size in sizes)
        {
            var answer = new byte[size];
            Array.Fill(answer, (byte)'x');
            RequestDelegate handler = async http =>
            {
                var read = await http.Request.BodyReader.ReadAsync(http.RequestAborted);
                while (!read.IsCompleted)
                {
                    http.Request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                    read = await http.Request.BodyReader.ReadAsync(http.RequestAborted);
                }

                http.Request.BodyReader.AdvanceTo(read.Buffer.End);
                http.Response.ContentType = "application/json; charset=utf-8";
                http.Response.ContentLength = answer.Length;
                await http.Response.BodyWriter.WriteAsync(answer, http.RequestAborted);
            };
            app.MapMethods("/" + size.ToString(CultureInfo.InvariantCulture), ["GET", "POST"], handler);
        }

        await app.StartAsync();
        Report.Line("Listening");
        await app.WaitForShutdownAsync();
    }
}
