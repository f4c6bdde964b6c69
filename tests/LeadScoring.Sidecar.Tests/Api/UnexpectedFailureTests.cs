using System.Collections.Concurrent;
using System.Net;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Sidecar.Tests.Api;

public sealed class UnexpectedFailureTests
{
    [Fact]
    public async Task Send_HandlerThrows_Is500WithTraceIdLoggedOnceWithoutItsMessage()
    {
        var log = new RecordingLoggerProvider();
        var sidecar = new SidecarFactory
        {
            Configure = services =>
            {
                services.AddSingleton<ILoggerProvider>(log);
                services.AddSingleton(new LeadErasure("no_such_table"));
            },
        };
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            var (status, problem) = await organization.SendAsync(HttpMethod.Delete, "/v1/leads/jane@example.com");
            Assert.Equal(HttpStatusCode.InternalServerError, status);
            Assert.Equal("/problems/internal", problem.Text("type"));
            var line = Assert.Single(log.Lines, l => l.Contains(problem.Text("trace_id")!, StringComparison.Ordinal));
            Assert.DoesNotContain(log.Lines, l => l.Contains("jane", StringComparison.Ordinal));
            Assert.Matches("SqliteException|PostgresException", line);
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    private sealed class RecordingLoggerProvider : ILoggerProvider, ILogger
    {
        internal ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
