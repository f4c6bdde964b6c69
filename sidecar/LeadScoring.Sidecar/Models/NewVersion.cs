using System.Security.Cryptography;
using System.Text.Json;
using LeadScoring.Ml.Bundles;

namespace LeadScoring.Sidecar.Models;

/// <summary>A version on its way into the registry. What is stored of it is made here, before the database's one writer is held: scores wait for it.</summary>
/// <param name="bundle">The bytes that the model was read from.</param>
internal sealed class NewVersion(ModelBundle model, byte[] bundle)
{
    internal byte[] Bundle { get; } = bundle;

    internal string FeaturesHash { get; } = model.FeaturesHash;

    internal string Manifest { get; } = JsonSerializer.Serialize(model.Manifest, ModelStore.ManifestJson);

    /// <summary>Of the bundle, lower hex.</summary>
    internal string Sha256 { get; } = Convert.ToHexStringLower(SHA256.HashData(bundle));
}
