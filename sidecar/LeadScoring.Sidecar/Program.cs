using LeadScoring.Sidecar.Cli;

return await CommandLine.RunAsync(args, Terminal.ForProcess(), CancellationToken.None);
