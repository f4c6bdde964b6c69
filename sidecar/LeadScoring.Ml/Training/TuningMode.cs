using System.Text.Json.Serialization;

namespace LeadScoring.Ml.Training;

/// <summary>Whether a training looks for better settings than those given.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TuningMode>))]
public enum TuningMode
{
    /// <summary>Exactly the members and weights in the settings.</summary>
    [JsonStringEnumMemberName("spec")]
    Spec,

    /// <summary>Searches the members' parameters, fits the weights, and takes the better of the two out-of-fold.</summary>
    [JsonStringEnumMemberName("auto")]
    Auto,
}
