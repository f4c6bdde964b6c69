using System.Globalization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class DateTextTests
{
    [Theory]
    [InlineData("2024-02-29", "2024-02-29T00:00:00Z")]
    [InlineData(" 2024-02-29 13:05 ", "2024-02-29T13:05:00Z")]
    [InlineData("2024-02-29T13:05:06Z", "2024-02-29T13:05:06Z")]
    [InlineData("2024-02-29T13:05:06.789Z", "2024-02-29T13:05:06.789Z")]
    [InlineData("2024-02-29T13:05:06+02:00", "2024-02-29T11:05:06Z")]
    [InlineData("2024/02/29", "2024-02-29T00:00:00Z")]
    [InlineData("29.02.2024", "2024-02-29T00:00:00Z")]
    [InlineData("29.02.2024 13:05", "2024-02-29T13:05:00Z")]
    [InlineData("2/29/2024", "2024-02-29T00:00:00Z")]
    [InlineData("2/29/2024 1:05 PM", "2024-02-29T13:05:00Z")]
    [InlineData("29 Feb 2024", "2024-02-29T00:00:00Z")]
    [InlineData("Feb 29, 2024", "2024-02-29T00:00:00Z")]
    [InlineData("20240229T130506Z", "2024-02-29T13:05:06Z")]
    [InlineData("Thu, 29 Feb 2024 13:05:06 GMT", "2024-02-29T13:05:06Z")]
    public void TryParse_ExportFormats_GiveTheMoment(string text, string expected)
    {
        Assert.True(DateText.TryParse(text, out var ms));
        Assert.Equal(Events.At(expected), ms);
    }

    [Theory]
    [InlineData("")]
    [InlineData("20240229")]
    [InlineData("12345678")]
    [InlineData("2023-02-29")]
    [InlineData("13/13/2024")]
    [InlineData("1899-12-31")]
    [InlineData("2200-01-01")]
    [InlineData("0001-01-01T00:00:00+14:00")]
    [InlineData("9999-12-31T23:59:59-14:00")]
    [InlineData("1234.5678")]
    [InlineData("192.168.1.1")]
    [InlineData("555-123-4567")]
    [InlineData("2024-02-29 13:05:06 but then it goes on for long")]
    public void TryParse_NoDate_IsFalse(string text) => Assert.False(DateText.TryParse(text, out _));

    [Theory]
    [InlineData(1_700_000_000, 1_700_000_000_000)]
    [InlineData(1_700_000_000_123, 1_700_000_000_123)]
    public void TryFromEpoch_SecondsOrMilliseconds_GivesMilliseconds(double number, long expected)
    {
        Assert.True(DateText.TryFromEpoch(number, out var ms));
        Assert.Equal(expected, ms);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(2024)]
    [InlineData(2e10)]
    [InlineData(1e13)]
    [InlineData(9e12)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void TryFromEpoch_Other_IsFalse(double number) => Assert.False(DateText.TryFromEpoch(number, out _));

    [Fact]
    public void TryParse_IsoForms_AreWhatTheFrameworkReads()
    {
        var random = new Random(6);
        string[] tails = ["", "Z", "+00:00", "+05:30", "-08:00", "+13:59", "-13:00", "+14:00", "+14:30", "+1:00", "z", " Z", "+05:60"];
        string[] fractions = ["", ".1", ".12", ".123", ".9999999", ".12345678", ".", ".000", ".5000001"];
        int read = 0, refused = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var day = $"{random.Next(1890, 2210):0000}-{random.Next(0, 14):00}-{random.Next(0, 33):00}";
            var text = random.Next(6) == 0 ? day
                : $"{day}{(random.Next(3) == 0 ? ' ' : 'T')}{random.Next(0, 26):00}:{random.Next(0, 62):00}:{random.Next(0, 62):00}{fractions[random.Next(fractions.Length)]}{tails[random.Next(tails.Length)]}";
            var expected = DateTimeOffset.TryParseExact(
                text, ["yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd HH:mm:ss.FFFFFFF", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-ddTHH:mm:ss.FFFFFFF", "yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mm:ss.FFFFFFFK", "yyyy-MM-dd HH:mm:ssK"],
                CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowWhiteSpaces, out var moment)
                && moment >= new DateTimeOffset(1900, 1, 1, 0, 0, 0, TimeSpan.Zero) && moment < new DateTimeOffset(2200, 1, 1, 0, 0, 0, TimeSpan.Zero);
            Assert.Equal((text, expected), (text, DateText.TryParse(text, out var unixMs)));
            if (expected) Assert.Equal((text, moment.ToUnixTimeMilliseconds()), (text, unixMs));
            _ = expected ? read++ : refused++;
        }

        Assert.True(read > 3_000 && refused > 3_000, $"{read} read, {refused} refused");
    }
}
