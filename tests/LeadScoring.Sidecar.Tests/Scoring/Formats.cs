using System.IO.Compression;
using System.Text.Json.Nodes;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Bundles of other formats.</summary>
internal static class Formats
{
    /// <summary>The same bundle, said to be of format 1.</summary>
    internal static byte[] Earlier(byte[] bundle)
    {
        using var buffer = new MemoryStream();
        buffer.Write(bundle);
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Update, leaveOpen: true))
        {
            var entry = archive.GetEntry("manifest.json")!;
            JsonNode manifest;
            using (var read = entry.Open()) manifest = JsonNode.Parse(read)!;
            manifest["format"] = 1;
            entry.Delete();
            using var write = new StreamWriter(archive.CreateEntry("manifest.json").Open());
            write.Write(manifest.ToJsonString());
        }

        return buffer.ToArray();
    }
}
