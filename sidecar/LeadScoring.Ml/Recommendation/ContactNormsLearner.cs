using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Recommendation;

/// <summary>Learns from an organization's leads when they are active and how they answer. Add every lead, then ask for the result. Not thread-safe.</summary>
/// <remarks>
/// <para>The strength of the hours maximizes the leave-one-out likelihood of the leads' occasions under the estimator that is used for a lead:
/// (smoothed occasions + strength x organization's share) / (occasions + strength). Without the smoothing that is the leave-one-out likelihood of the
/// Dirichlet-multinomial. Source: Minka (2000), "Estimating a Dirichlet distribution", section 4.</para>
/// <para>The strength of a channel's rate is fitted by moments. Source: Kleinman (1973), "Proportions with extraneous variance: single and independent samples".</para>
/// </remarks>
public sealed class ContactNormsLearner(FeatureProfile profile)
{
    // As many leads as make the strength certain enough; each costs a pass over its hours at every step of the search.
    private const int MaxLeadsForStrength = 2_000;
    private const double FlatEvidence = 50;
    private const double LeastStrength = 1;
    private const double MostStrength = 1_000;
    private const int SearchSteps = 40;
    private const int FewestLeadsForStrength = 20;
    private const double LeastChannelStrength = 2;
    private const double MostChannelStrength = 100;

    private readonly double[] pooled = new double[HoursOfWeek.Count];
    private readonly List<double[]> sample = [];
    private readonly ChannelTally[] channels = [.. profile.Contact.Channels.Select(_ => new ChannelTally())];
    private int leads;
    private double evidence;

    /// <summary>Adds a lead.</summary>
    public void Add(in LeadSnapshot lead)
    {
        for (var c = 0; c < channels.Length; c++)
        {
            var (attempts, responses) = ChannelChoice.Record(lead.Activity, profile.Contact.Channels[c]);
            channels[c].Add(attempts, responses);
        }

        var local = new double[HoursOfWeek.Count];
        var occasions = HoursOfWeek.Add(lead.Activity, LeadZone.Of(profile, lead).Zone, local);
        if (occasions == 0) return;
        leads++;
        evidence += occasions;
        for (var h = 0; h < local.Length; h++) pooled[h] += local[h];
        if (occasions > 1 && sample.Count < MaxLeadsForStrength) sample.Add(local);
    }

    /// <summary>What was learned, as of a moment.</summary>
    public ContactNorms Result(long learnedAtMs)
    {
        var hours = new double[HoursOfWeek.Count];
        HoursOfWeek.Smooth(pooled, hours);
        for (var h = 0; h < hours.Length; h++) hours[h] = (hours[h] + (FlatEvidence / hours.Length)) / (evidence + FlatEvidence);
        var rates = new Dictionary<string, ResponseNorm>(StringComparer.Ordinal);
        for (var c = 0; c < channels.Length; c++)
        {
            if (channels[c].Attempts > 0) rates[profile.Contact.Channels[c].Name] = channels[c].Norm(profile.Contact.Channels[c].UsualRate);
        }

        return new ContactNorms(learnedAtMs, leads, evidence, hours, sample.Count < FewestLeadsForStrength ? ContactNorms.UsualStrength : Strength(hours), rates);
    }

    /// <summary>Golden-section search of the strength on a logarithmic scale.</summary>
    private double Strength(double[] hours)
    {
        var smooth = sample.ConvertAll(local =>
        {
            var s = new double[HoursOfWeek.Count];
            HoursOfWeek.Smooth(local, s);
            return s;
        });
        const double Golden = 0.618_033_988_749_895;
        var (low, high) = (Math.Log(LeastStrength), Math.Log(MostStrength));
        var (a, b) = (high - (Golden * (high - low)), low + (Golden * (high - low)));
        var (atA, atB) = (LeaveOneOut(smooth, hours, Math.Exp(a)), LeaveOneOut(smooth, hours, Math.Exp(b)));
        for (var step = 0; step < SearchSteps && high - low > 0.01; step++)
        {
            if (atA > atB)
            {
                (high, b, atB) = (b, a, atA);
                a = high - (Golden * (high - low));
                atA = LeaveOneOut(smooth, hours, Math.Exp(a));
            }
            else
            {
                (low, a, atA) = (a, b, atB);
                b = low + (Golden * (high - low));
                atB = LeaveOneOut(smooth, hours, Math.Exp(b));
            }
        }

        return Math.Exp((low + high) / 2);
    }

    private double LeaveOneOut(List<double[]> smooth, double[] hours, double strength)
    {
        double likelihood = 0;
        for (var i = 0; i < sample.Count; i++)
        {
            var local = sample[i];
            var occasions = local.Sum();
            for (var h = 0; h < local.Length; h++)
            {
                if (local[h] == 0) continue;
                // One occasion, or all there is: what is left out must not vouch for itself.
                var left = Math.Min(1, local[h]);
                var rest = Math.Max(0, smooth[i][h] - (left * HoursOfWeek.KeptByOwnHour));
                likelihood += local[h] * Math.Log((rest + (strength * hours[h])) / (occasions - left + strength));
            }
        }

        return likelihood;
    }

    private sealed class ChannelTally
    {
        private readonly List<(int Attempts, int Responses)> records = [];

        internal long Attempts { get; private set; }

        internal long Responses { get; private set; }

        internal void Add(int attempts, int responses)
        {
            if (attempts == 0) return;
            Attempts += attempts;
            Responses += responses;
            records.Add((attempts, responses));
        }

        internal ResponseNorm Norm(double usualRate)
        {
            // The organization's rate is itself shrunk: three calls say little of the fourth.
            var rate = (Responses + (ContactNorms.UsualChannelStrength * usualRate)) / (Attempts + ContactNorms.UsualChannelStrength);
            return new ResponseNorm(rate, Strength(), Attempts, Responses);
        }

        private double Strength()
        {
            var raw = Responses / (double)Attempts;
            if (records.Count(r => r.Attempts > 1) < FewestLeadsForStrength || raw is <= 0 or >= 1) return ContactNorms.UsualChannelStrength;
            double spread = 0, squares = 0;
            foreach (var (attempts, responses) in records)
            {
                var off = (responses / (double)attempts) - raw;
                spread += attempts * off * off;
                squares += (double)attempts * attempts;
            }

            var free = records.Count - 1;
            var correlation = ((spread / (raw * (1 - raw))) - free) / (Attempts - (squares / Attempts) - free);
            return correlation <= 0 ? MostChannelStrength : Math.Clamp((1 / correlation) - 1, LeastChannelStrength, MostChannelStrength);
        }
    }
}
