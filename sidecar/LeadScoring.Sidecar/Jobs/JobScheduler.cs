using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;
using Npgsql;
using Quartz;
using Quartz.Extensibility;

namespace LeadScoring.Sidecar.Jobs;

/// <summary>The schedule: Quartz, in PostgreSQL shared by the replicas, else in memory.</summary>
internal sealed class JobScheduler(Database database, JobSchedules schedules, JobRunStore runs, RunJob run, IOptions<StorageOptions> storage, IOptions<JobOptions> options, TimeProvider time)
    : IHostedService, IAsyncDisposable
{
    private const string Name = "leadscoring";

    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(8);

    private StandaloneSchedulerFactory? factory;
    private IScheduler? scheduler;

    /// <summary>Whether a run that somebody asks for here is done: by this process, or by another one that shares the schedule.</summary>
    internal bool CanRun => options.Value.RunHere || database.IsPostgres;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!CanRun) return;
        factory = QuartzSchedulerBuilder.Create(Configure).Build();
        scheduler = await factory.GetScheduler(cancellationToken);
        if (!options.Value.RunHere) return;
        // Nobody else has this schedule: what is open was left by a process that died.
        if (!database.IsPostgres) await runs.CloseAllAsync(cancellationToken);
        foreach (var job in schedules.Jobs) await ScheduleAsync(job, cancellationToken);
        await LookForOwnAsync(cancellationToken);
        await scheduler.Start(cancellationToken);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (scheduler is null) return;
        try
        {
            await scheduler.Shutdown(waitForJobsToComplete: true, cancellationToken).AsTask().WaitAsync(LongestStop, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            // With its database gone Quartz tries again without end. What it was doing is recovered by whoever has the schedule next, as after a kill.
            factory = null;
        }
    }

    /// <summary>Runs a job of one organization, or a part of it, as soon as it is free.</summary>
    internal async Task RequestAsync(string job, string organizationId, string runId, string? part, CancellationToken cancellationToken)
    {
        await scheduler!.AddJob(Detail(job), new AddJobOptions { Replace = true }, cancellationToken);
        var data = new JobDataMap { [RunJob.Organization] = organizationId, [RunJob.RunId] = runId };
        if (part is not null) data[RunJob.Part] = part;
        await scheduler.TriggerJob(new JobKey(job), data, cancellationToken);
    }

    private void Configure(IQuartzBuilder quartz)
    {
        quartz.ConfigureScheduler(o => (o.InstanceName, o.GenerateInstanceId, o.ShutdownJobInterruption) = (Name, true, ShutdownJobInterruption.Always));
        quartz.UseTimeProvider(time);
        // Jobs differ, and so may run beside each other; two at a time leave a core to scoring.
        quartz.UseDefaultThreadPool(2);
        quartz.UseJobFactory(new OneJob(run));
        if (!database.IsPostgres) return;
        quartz.UsePersistentStore(store =>
        {
            store.UsePostgres(NpgsqlFactory.Instance, PostgresSetting.Read(storage.Value).ConnectionString);
            // The process ends when it wants to, whatever Quartz waits for.
            store.ConfigureStore(o => (o.TablePrefix, o.StoreJobDataAsStrings, o.UseBackgroundThreads) = ("qrtz_", true, true));
            store.UseClustering(o => (o.CheckinInterval, o.CheckinMisfireThreshold) = (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10)));
        });
    }

    private static IJobDetail Detail(string job) => JobBuilder.Create<RunJob>().WithIdentity(job).StoreDurably().RequestRecovery().Build();

    private async Task ScheduleAsync(ScheduledJob job, CancellationToken cancellationToken)
    {
        var key = new TriggerKey(job.Name);
        await scheduler!.AddJob(Detail(job.Name), new AddJobOptions { Replace = true }, cancellationToken);
        if (schedules.CronOf(job.Name) is not { } cron)
        {
            await scheduler.UnscheduleJob(key, cancellationToken);
            return;
        }

        // The same schedule stays as it is: what it has missed while nobody ran is made up for.
        if (await scheduler.GetTrigger(key, cancellationToken) is ICronTrigger known && known.CronExpressionString == cron.CronExpressionString && known.TimeZone.Id == schedules.Zone.Id) return;
        var trigger = TriggerBuilder.Create(time).WithIdentity(key).ForJob(job.Name)
            .WithSchedule(CronScheduleBuilder.Create(cron).InTimeZone(schedules.Zone).WithMisfireInstruction(CronTriggerMisfireInstruction.FireAndProceed)).Build();
        await scheduler.ScheduleJob(trigger, new ScheduleJobOptions { Replace = true }, cancellationToken);
        if (!database.IsPostgres) await MakeUpAsync(job, cancellationToken);
    }

    /// <summary>Organizations' own schedules are rows that are looked at every minute: nothing of them is in Quartz, so that nothing has to be kept the same in two places.</summary>
    private async Task LookForOwnAsync(CancellationToken cancellationToken)
    {
        await scheduler!.AddJob(Detail(RunJob.Own), new AddJobOptions { Replace = true }, cancellationToken);
        var trigger = TriggerBuilder.Create(time).WithIdentity(RunJob.Own).ForJob(RunJob.Own)
            .WithSchedule(CronScheduleBuilder.Create(new CronExpression("0 * * * * ?", TimeZoneInfo.Utc)).WithMisfireInstruction(CronTriggerMisfireInstruction.FireAndProceed)).Build();
        await scheduler.ScheduleJob(trigger, new ScheduleJobOptions { Replace = true }, cancellationToken);
    }

    /// <summary>A schedule in memory does not know what it missed while the process was down; the history does.</summary>
    private async Task MakeUpAsync(ScheduledJob job, CancellationToken cancellationToken)
    {
        if (await runs.LastScheduledAsync(job.Name, cancellationToken) is { } last && schedules.NextAfter(job.Name, last) < time.GetUtcNow())
            await scheduler!.TriggerJob(new JobKey(job.Name), null, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (factory is not null) await factory.DisposeAsync();
    }

    private sealed class OneJob(RunJob run) : IJobFactory
    {
        public ValueTask<JobScope> CreateJob(TriggerFiredBundle bundle, IScheduler scheduler, CancellationToken cancellationToken = default) => new(new JobScope(run));

        public ValueTask ReturnJob(JobScope scope, CancellationToken cancellationToken = default) => default;
    }
}
