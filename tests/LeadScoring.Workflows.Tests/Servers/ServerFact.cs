using Xunit.Abstractions;
using Xunit.Sdk;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>A fact that is skipped when it throws <see cref="MissingPartException"/>: whether n8n can be installed is known only after the attempt.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("LeadScoring.Workflows.Tests.Servers.ServerFactDiscoverer", "LeadScoring.Workflows.Tests")]
public sealed class ServerFactAttribute : FactAttribute;

/// <summary>The same for a theory.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("LeadScoring.Workflows.Tests.Servers.ServerTheoryDiscoverer", "LeadScoring.Workflows.Tests")]
public sealed class ServerTheoryAttribute : TheoryAttribute;

// xunit 2.9 knows no skip at run time (Assert.Skip came with version 3), so the test case turns the failure into one.
public sealed class ServerFactDiscoverer(IMessageSink diagnostics) : FactDiscoverer(diagnostics)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions options, ITestMethod method, IAttributeInfo fact) =>
        new SkippableTestCase(DiagnosticMessageSink, options.MethodDisplayOrDefault(), options.MethodDisplayOptionsOrDefault(), method);
}

public sealed class ServerTheoryDiscoverer(IMessageSink diagnostics) : TheoryDiscoverer(diagnostics)
{
    protected override IEnumerable<IXunitTestCase> CreateTestCasesForDataRow(
        ITestFrameworkDiscoveryOptions options, ITestMethod method, IAttributeInfo theory, object[] row) =>
        [new SkippableTestCase(DiagnosticMessageSink, options.MethodDisplayOrDefault(), options.MethodDisplayOptionsOrDefault(), method, row)];
}

public sealed class SkippableTestCase : XunitTestCase
{
    [Obsolete("For xunit, which fills a case in after this.")]
    public SkippableTestCase()
    {
    }

    public SkippableTestCase(IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method, object[]? row = null)
        : base(diagnostics, display, options, method, row)
    {
    }

    public override async Task<RunSummary> RunAsync(
        IMessageSink diagnosticMessageSink, IMessageBus messageBus, object[] constructorArguments, ExceptionAggregator aggregator, CancellationTokenSource cancellationTokenSource)
    {
        // The runner disposes the bus it gets only through its owner: the wrapper holds nothing of its own.
        var bus = new SkippingBus(messageBus);
        var summary = await base.RunAsync(diagnosticMessageSink, bus, constructorArguments, aggregator, cancellationTokenSource);
        summary.Failed -= bus.Skipped;
        summary.Skipped += bus.Skipped;
        return summary;
    }

    private sealed class SkippingBus(IMessageBus inner) : IMessageBus
    {
        public int Skipped { get; private set; }

        public bool QueueMessage(IMessageSinkMessage message)
        {
            if (message is not ITestFailed failed || failed.ExceptionTypes[0] != typeof(MissingPartException).FullName) return inner.QueueMessage(message);
            Skipped++;
            return inner.QueueMessage(new TestSkipped(failed.Test, failed.Messages[0]));
        }

        public void Dispose()
        {
        }
    }
}
