using System.Text;
using LeadScoring.Sidecar.Imports;

namespace LeadScoring.Sidecar.Tests.Imports;

public sealed class CsvTableTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();

    private (CsvTable Table, List<CsvRow> Rows) Read(byte[] content)
    {
        File.WriteAllBytes(path, content);
        var table = CsvTable.Open(path);
        List<CsvRow> rows = [.. table.Rows()];
        table.Dispose();
        return (table, rows);
    }

    private (CsvTable Table, List<CsvRow> Rows) Read(string content) => Read(Encoding.UTF8.GetBytes(content));

    [Theory]
    [InlineData("id,name\n1,Ann\n2,Bob\n", ',')]
    [InlineData("id;name\n1;Ann, the first\n2;Bob\n", ';')]
    [InlineData("id;price\n1;3,5\n2;4,5\n3;5,5\n", ';')]
    [InlineData("id\tname\n1\tAnn\n", '\t')]
    [InlineData("id|name\r\n1|Ann\r\n", '|')]
    [InlineData("id,text\n1,\"a;b;c\"\n2,\"d;e;f\"\n", ',')]
    [InlineData("id\n1\n", ',')]
    public void Open_Delimiters_AreFound(string csv, char delimiter)
    {
        var (table, rows) = Read(csv);
        Assert.Equal(delimiter, table.Dialect.Delimiter);
        Assert.All(rows, row => Assert.Null(row.Fault));
        Assert.Equal("1", rows[0].Cells[0]);
    }

    [Fact]
    public void Open_ByteOrderMark_IsNotPartOfTheFirstName()
    {
        Assert.Equal("id", Read([0xEF, 0xBB, 0xBF, .. "id,x\n1,2\n"u8]).Table.Header[0]);
        Assert.Equal("id", Read([.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes("id,x\n1,ü\n")]).Table.Header[0]);
    }

    [Fact]
    public void Open_Latin1Bytes_AreReadAsWindows1252()
    {
        // The only byte that is not ASCII comes after the part that a sample would show.
        var filler = string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i},plain text\n"));
        var (table, rows) = Read([.. "id,name\n"u8, .. Encoding.ASCII.GetBytes(filler), .. "x,M"u8, 0xFC, .. "ller "u8, 0x80, (byte)'\n']);
        Assert.Equal("windows-1252", table.Dialect.Encoding.WebName);
        Assert.Equal("Müller €", rows[^1].Cells[1]);
    }

    [Fact]
    public void Rows_QuotedNewlinesAndQuotes_AreOneCell()
    {
        var (_, rows) = Read("id,note\r\n1,\"two\r\nlines, \"\"quoted\"\"\"\r\n2,5\" pipe\r\n");
        Assert.Equal("two\r\nlines, \"quoted\"", rows[0].Cells[1]);
        Assert.Equal(3, rows[0].Line);
        Assert.Equal("5\" pipe", rows[1].Cells[1]);
    }

    [Fact]
    public void Rows_Ragged_AreReportedByLine()
    {
        var (_, rows) = Read("a,b,c\n1,2,3\n1,2\n\n1,2,3,4\n1,2,3\n");
        Assert.Equal([(2L, true), (3L, false), (5L, false), (6L, true)], rows.Select(r => (r.Line, r.Fault is null)));
        Assert.Equal("The row has 2 cells, the header has 3.", rows[1].Fault);
        Assert.Equal([0L, 1L, 2L, 3L], rows.Select(r => r.Index));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("\n\n", "empty")]
    [InlineData("id,Name,name\n1,2,3\n", "Two columns are named")]
    [InlineData("PK\u0003\u0004stuff", "Excel")]
    [InlineData("id,x\n1,\0\n", "not a text file")]
    public void Open_CannotBeUsed_SaysWhy(string csv, string expected) => Assert.Contains(expected, Assert.Throws<CsvException>(() => Read(csv)).Message);

    [Fact]
    public void Rows_QuoteNeverClosed_IsAnErrorNotTheRestOfTheFile()
    {
        var csv = "id,note\n1,\"oops\n" + string.Concat(Enumerable.Range(2, 100_000).Select(i => $"{i},some text here\n"));
        Assert.Contains("never closed", Assert.Throws<CsvException>(() => Read(csv)).Message);
    }

    [Fact]
    public void Open_HeaderOnly_HasNoRows()
    {
        var (table, rows) = Read("id,name");
        Assert.Equal(["id", "name"], table.Header);
        Assert.Empty(rows);
    }

    public void Dispose() => File.Delete(path);
}
