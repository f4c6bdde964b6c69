namespace LeadScoring.Sidecar.Imports;

/// <summary>The file as a whole cannot be read; the message says why and what to do. Holds no cell's content.</summary>
internal sealed class CsvException(string message) : Exception(message);
