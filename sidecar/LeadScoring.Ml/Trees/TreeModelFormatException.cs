namespace LeadScoring.Ml.Trees;

/// <summary>The bytes are not a tree model that can be scored here; the message says where and why.</summary>
public sealed class TreeModelFormatException : FormatException
{
    /// <param name="message">Where in the model, and why it is refused.</param>
    /// <param name="inner">The parser's complaint, when there is one.</param>
    public TreeModelFormatException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
