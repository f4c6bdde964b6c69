using System.Globalization;
using LeadScoring.Ml.Experiments;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Experiments;

/// <summary>An experiment to be begun.</summary>
/// <param name="Promotes">Whether a challenger that wins becomes the champion, or what <paramref name="Next"/> says, by itself.</param>
internal sealed record ExperimentPlan(string Name, ExperimentKind Kind, int Challenger, double Share, ExperimentRule Rule, bool Promotes, NextStage? Next = null);

/// <summary>Begins experiments, and ends them in the one way there is: trial, alias, leads that go back, promotion and what follows are one write.</summary>
internal sealed class RunExperiment(ModelStore models, ModelAliasStore aliases, AuditLog audit, TimeProvider time)
{
    /// <summary>Begins an experiment. Whatever was scored a moment ago without it is scored again.</summary>
    /// <exception cref="ProblemException">One is under way, there is no champion, or the challenger is it or no version.</exception>
    internal async Task<StoredExperiment> BeginAsync(WriteTransaction transaction, string organizationId, ExperimentPlan plan, LeadFlow flow, CancellationToken cancellationToken)
    {
        await ModelStore.LockAsync(transaction, organizationId, cancellationToken);
        if (await ModelStore.ChampionVersionAsync(transaction, organizationId, cancellationToken) is not { } champion)
            throw new ProblemException(ProblemKind.Conflict, "There is no champion to hold a challenger against. Promote a version first.");
        if (await ExperimentStore.RunningAsync(transaction, organizationId, cancellationToken) is { } running)
        {
            if (running.HasTrial) throw new ProblemException(ProblemKind.Conflict, $"Experiment {running.ExperimentId} ({running.Name}) is under way, and only one can be. Stop it with POST /v1/experiments/{running.ExperimentId}/stop, or wait for it.");
            await EndAsync(transaction, running, ExperimentState.Stopped, ExperimentDecision.Keep, OtherChampion, null, cancellationToken);
        }

        await aliases.PointAsync(transaction, organizationId, plan.Kind == ExperimentKind.Shadow ? ModelAlias.Shadow : ModelAlias.Challenger, plan.Challenger, cancellationToken);
        var nowMs = time.NowMs();
        var id = Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
        var experiment = new StoredExperiment
        {
            OrganizationId = organizationId, ExperimentId = id, Name = plan.Name, Kind = ExperimentStore.Text(plan.Kind), Champion = champion, Challenger = plan.Challenger, Share = plan.Share,
            Salt = id[^16..], Rule = ExperimentStore.Write(plan.Rule), Promotes = plan.Promotes, Next = plan.Next is null ? null : ExperimentStore.Write(plan.Next),
            Forecast = ExperimentStore.Write(ForecastAnswer.Of(plan.Kind, plan.Rule, plan.Share, flow)), State = "running", StartedAtMs = nowMs, HasTrial = true,
        };
        await ExperimentStore.AddAsync(transaction, experiment, cancellationToken);
        var trial = new ModelTrial { ExperimentId = id, Kind = experiment.Kind, Champion = champion, Version = plan.Challenger, Salt = experiment.Salt, Share = plan.Share, StartedAtMs = nowMs };
        await ModelTrialStore.BeginAsync(transaction, organizationId, trial, cancellationToken);
        audit.Append(transaction, organizationId, AuditKind.ExperimentStarted, $"experiment {id}", new { experiment.Kind, champion, experiment.Challenger, experiment.Share });
        return experiment;
    }

    internal const string OtherChampion = "Another model became the champion meanwhile.";

    /// <summary>Ends an experiment; with <see cref="ExperimentDecision.Promote"/> the challenger becomes the champion, or the next stage begins, if the experiment was begun so. Nothing happens to one that has ended.</summary>
    /// <returns>What followed, in words.</returns>
    internal async Task<string> EndAsync(
        WriteTransaction transaction, StoredExperiment experiment, ExperimentState state, ExperimentDecision decision, string reason, ExperimentFigures? figures, CancellationToken cancellationToken, LeadFlow flow = default)
    {
        var organizationId = experiment.OrganizationId;
        await ModelStore.LockAsync(transaction, organizationId, cancellationToken);
        // By whoever else looked at the same moment; or the champion that it was held against is none any more.
        if (await ExperimentStore.RunningAsync(transaction, organizationId, cancellationToken) is not { } running || running.ExperimentId != experiment.ExperimentId) return "It had ended already.";
        if (!running.HasTrial) (state, decision, reason) = (ExperimentState.Stopped, ExperimentDecision.Keep, OtherChampion);
        await ExperimentStore.EndAsync(transaction, experiment, state, decision, reason, figures, time.NowMs(), cancellationToken);
        audit.Append(transaction, organizationId, AuditKind.ExperimentEnded, $"experiment {experiment.ExperimentId}", new { state, decision, reason });
        if (!running.HasTrial) return "The champion stays.";
        await ModelTrialStore.EndAsync(transaction, organizationId, cancellationToken);
        await ModelAliasStore.RemoveAsync(transaction, organizationId, experiment.Challenger, cancellationToken);
        if (decision == ExperimentDecision.Promote && experiment.Promotes)
        {
            if (experiment.ReadNext() is { } next)
            {
                var plan = new ExperimentPlan(experiment.Name, next.Kind, experiment.Challenger, next.Share, next.Rule, Promotes: true);
                return $"Experiment {(await BeginAsync(transaction, organizationId, plan, flow, cancellationToken)).ExperimentId} follows: {ExperimentStore.Text(next.Kind)}.";
            }

            await PromoteModel.PromoteAsync(transaction, organizationId, experiment.Challenger, $"experiment {experiment.Name}: {reason}", models, time, cancellationToken);
            return $"Version {experiment.Challenger} is the champion.";
        }

        if (experiment.ReadKind() == ExperimentKind.Split) await RescoringRunStore.StartAsync(transaction, organizationId, RescoringReason.Trial, time.NowMs(), cancellationToken);
        return decision == ExperimentDecision.Promote ? $"Version {experiment.Challenger} won; it is not promoted by itself." : "The champion stays.";
    }
}

/// <summary>Looks at the outcomes of the experiment under way and does what its rule says.</summary>
internal sealed class CheckExperiments(ExperimentStore store, ExperimentLeads leads, RunExperiment run, LeadFlows flows, ActiveModels active, Database database, TimeProvider time) : Jobs.IOrganizationJob
{
    /// <returns>What was found and done, in words.</returns>
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        if (await store.RunningAsync(organizationId, cancellationToken) is not { } experiment) return "No experiment is under way.";
        var exposed = await leads.ReadAsync(experiment, time.NowMs(), cancellationToken);
        var reading = ExperimentReading.Of(experiment.ReadKind(), experiment.ReadRule(), experiment.Share, exposed.Mature);
        var figures = ExperimentFigures.Of(experiment, exposed, reading);
        var (state, decision, reason) = Decide(experiment, exposed, reading);
        if (state == ExperimentState.Running)
        {
            await store.SetFiguresAsync(experiment, figures, time.NowMs(), cancellationToken);
            return $"{experiment.Name}: {reason}";
        }

        var flow = experiment.Next is null ? default : await flows.GetAsync(organizationId, experiment.ReadNext()!.Rule.HorizonDays, cancellationToken);
        var then = await database.WriteAsync(transaction => run.EndAsync(transaction, experiment, state, decision, reason, figures, cancellationToken, flow), cancellationToken);
        active.Forget(organizationId);
        return $"{experiment.Name}: {reason} {then}";
    }

    private (ExperimentState State, ExperimentDecision Decision, string Reason) Decide(StoredExperiment experiment, ExposedLeads exposed, ExperimentReading r)
    {
        var (rule, kind) = (experiment.ReadRule(), experiment.ReadKind());
        if (!experiment.HasTrial) return (ExperimentState.Stopped, ExperimentDecision.Keep, RunExperiment.OtherChampion);
        if (kind != ExperimentKind.Shadow && SampleRatio.InvalidAfter(exposed.Arms, experiment.Share) is { } at)
        {
            var own = exposed.Arms.Take(at).Count(a => a);
            return (ExperimentState.Stopped, ExperimentDecision.Keep, string.Create(CultureInfo.InvariantCulture,
                $"Invalid: of {at:N0} leads {own:N0} came into the challenger's arm, {experiment.Share * at:N0} were to (chi-squared {SampleRatio.ChiSquared(own, at - own, experiment.Share):0.0}, p < {SampleRatio.Level}). Something sorts leads into arms: look for leads that one model cannot score."));
        }

        var gain = string.Create(CultureInfo.InvariantCulture, $"{Unit(rule)} of the challenger against the champion {r.Gain:+0.0000;-0.0000} [{r.Interval.Low:+0.0000;-0.0000}, {r.Interval.High:+0.0000;-0.0000}]");
        var after = string.Create(CultureInfo.InvariantCulture, $"after {r.DecidedAfter:N0} leads, allowed margin {rule.Margin}");
        return r.Verdict switch
        {
            ExperimentVerdict.Promote => (ExperimentState.Decided, ExperimentDecision.Promote, $"The challenger is {(rule.Margin > 0 ? "shown to be not worse than allowed" : "shown to be better")}: {gain}, {after}."),
            ExperimentVerdict.Keep => (ExperimentState.Decided, ExperimentDecision.Keep, $"The challenger is shown to be worse than allowed: {gain}, {after}."),
            ExperimentVerdict.Harm => (ExperimentState.Stopped, ExperimentDecision.Keep, string.Create(CultureInfo.InvariantCulture,
                $"Stopped for harm after {r.DecidedAfter:N0} leads: leads of the challenger's arm convert worse than the champion's by more than the guardrail of {rule.Guardrail} ({r.ChallengerConverted:N0} of {r.ChallengerLeads:N0} against {r.Converted - r.ChallengerConverted:N0} of {r.Leads - r.ChallengerLeads:N0}).")),
            _ => Open(experiment, rule, r, gain),
        };
    }

    private (ExperimentState State, ExperimentDecision Decision, string Reason) Open(StoredExperiment experiment, ExperimentRule rule, ExperimentReading r, string gain)
    {
        var known = r.Observations == 0 ? "nothing is known" : gain;
        var endsAtMs = experiment.StartedAtMs + (rule.MostWeeks * 7 * ActivityState.DayMs);
        if (r.Leads >= rule.MostLeads) return (ExperimentState.Stopped, ExperimentDecision.Keep, string.Create(CultureInfo.InvariantCulture, $"The largest number of leads ({rule.MostLeads:N0}) is reached without a decision: {known}."));
        if (time.NowMs() >= endsAtMs) return (ExperimentState.Stopped, ExperimentDecision.Keep, string.Create(CultureInfo.InvariantCulture, $"The largest number of weeks ({rule.MostWeeks:N0}) is over without a decision: {known}."));
        return (ExperimentState.Running, ExperimentDecision.Keep, string.Create(CultureInfo.InvariantCulture, $"{r.Leads:N0} leads counted, nothing decided: {known}."));
    }

    private static string Unit(ExperimentRule rule) => rule.Metric switch
    {
        ExperimentMetric.Conversion => "conversion rate",
        ExperimentMetric.LogLoss => "log loss saved a lead",
        _ => "conversion rate of the leads called first",
    };
}
