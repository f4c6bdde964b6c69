using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Sampling;

/// <summary>Draws that every replica and every repetition makes alike: of the ids whose number lies below a share, that share is drawn.</summary>
public static class StableShare
{
    /// <summary>A number in [0, 1), uniform over ids and independent between salts: the upper 53 bits of SHA-256 over salt and id.</summary>
    /// <param name="salt">What is drawn for, such as an organization and a purpose; another salt is another draw. A line break ends it.</param>
    /// <param name="id">Who is drawn.</param>
    public static double Of(string salt, string id) => ((ulong)StableHash.Of($"{salt}\n{id}") >> 11) * (1.0 / (1UL << 53));
}
