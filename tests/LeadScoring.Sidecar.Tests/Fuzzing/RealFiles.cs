using System.Globalization;
using System.Text;

namespace LeadScoring.Sidecar.Tests.Fuzzing;

/// <summary>The good files that bad ones are made from.</summary>
internal static class RealFiles
{
    /// <summary>Written by XGBoost itself; the smaller ones, so that many fit into a run.</summary>
    internal static byte[][] Models(string fixtures) => [.. ((string[])["xgboost/gbm-base-score.json", "xgboost/regression.json", "xgboost/gbm.json", "external/gradient_boosting.json"]).Select(name => File.ReadAllBytes(Path.Combine(fixtures, name)))];

    internal static byte[][] Profiles(string folder) => [.. Directory.EnumerateFiles(folder, "*.yml").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

    internal static byte[][] Csv() =>
    [
        .. ((string[])
        [
            "lead_id,created_at,city,budget,note\r\nl1,2026-01-02,Köln,\"1,200\",\"two\nlines\"\r\nl2,2026-05-31T14:00:00Z,\"Bad \"\"Ems\"\"\",,\r\nl3,1760000000000,=1+1,-5,x\r\n",
            "event_id;lead_id;type;source;occurred_at;url\ne1;l1;page_view;website;2026-05-01 10:00;/a\ne2;l2;email_open;email;2026-05-01T11:00:00+02:00;\n",
            "id\tconverted\toccurred_at\trevenue\tstage\tas_of\nl1\t1\t2026-05-01\t1200.50\twon\t2026-04-01\nl2\tno\t2026-05-02\t\tlost\t\n",
        ]).Select(Encoding.UTF8.GetBytes),
        Encoding.Latin1.GetBytes("id,stra\xdfe,h\xf6he\nl1,M\xfcnchen,3\n"),
    ];

    internal static byte[] EventLines()
    {
        var text = new StringBuilder();
        for (var i = 0; i < 12; i++) text.Append(CultureInfo.InvariantCulture, $$$"""{"event_id":"e{{{i}}}","lead_id":"l{{{i % 3}}}","type":"page_view","source":"website","occurred_at":"2026-05-01T10:00:0{{{i % 10}}}Z","properties":{"url":"/ü","minutes":{{{i}}}.5,"ok":true}}""").Append('\n');
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
