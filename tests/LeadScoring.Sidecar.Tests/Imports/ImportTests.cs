using System.Net;
using System.Text;
using LeadScoring.Sidecar.Imports;
using LeadScoring.Sidecar.Outcomes;

namespace LeadScoring.Sidecar.Tests.Imports;

public sealed class ImportTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    [Fact]
    public async Task Leads_SemicolonLatin1WithLabel_BecomeAttributesAndOutcomes()
    {
        var organization = await sidecar.NewOrganizationAsync();
        byte[] csv = [.. Encoding.Latin1.GetBytes("ID;Name;Größe;Won;created_at\n1;Müller;3,5;yes;2026-01-05\n2;\"a\nb\";;no;\n3;x;1;;2026-01-05\n")];
        var (status, report) = await organization.ImportAsync("leads", csv, "&label=won");
        Assert.True(status == HttpStatusCode.OK, report.ToString());
        Assert.Equal((3, 3, 2, 0), (report.Int("rows"), report.Int("created"), report.Int("outcomes"), report.Int("rejected")));
        var lead = (await organization.LeadAsync("1"))!.Snapshot;
        Assert.Equal("Müller", lead.Attribute("Name").AsText());
        Assert.Equal(3.5, lead.Attribute("Größe").AsNumber());
        Assert.False(lead.Attributes.ContainsKey("Won"));
        Assert.Equal(1_767_571_200_000, lead.CreatedAtMs);
        Assert.Null((await organization.LeadAsync("2"))!.Snapshot.CreatedAtMs);
        List<(string, bool)> labels = [];
        await foreach (var label in sidecar.Get<OutcomeStore>().ReadLabeledAsync(organization.Id, CancellationToken.None)) labels.Add((label.LeadId, label.Converted));
        Assert.Equal([("1", true), ("2", false)], labels);
    }

    [Fact]
    public async Task Leads_DryRun_ReportsAndStoresNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (_, report) = await organization.ImportAsync("leads", "lead_id,age,city,since\n1,30,Rome,2026-01-01\n1,31,Oslo,2026-01-02\n,1,,\n4,NA,Bonn\n", "&dry_run=true");
        Assert.Equal("dry_run", report.Text("status"));
        Assert.Equal((4, 2, 1), (report.Int("rows"), report.Int("rejected"), report.Int("duplicates")));
        Assert.Equal([4, 5], report.GetProperty("faults").EnumerateArray().Select(f => f.Int("line")));
        Assert.Equal(["lead_id number id", "age number attribute", "city text attribute", "since date attribute"],
            report.GetProperty("columns").EnumerateArray().Select(c => $"{c.Text("name")} {c.Text("kind")} {c.Text("role")}"));
        Assert.Null(await organization.LeadAsync("1"));
    }

    [Fact]
    public async Task Leads_Strict_RefusesTheWholeFile()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, report) = await organization.ImportAsync("leads", "id,x\n1,1\n2\n", "&strict=true");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("refused", report.Text("status"));
        Assert.Null(await organization.LeadAsync("1"));
    }

    [Theory]
    [InlineData("leads", "", "", "empty")]
    [InlineData("leads", "name,age\nx,1\n", "", "--id-column")]
    [InlineData("leads", "id,age\nx,1\n", "&id_column=nope", "no column \"nope\"")]
    [InlineData("leads", "id,age\nx,1\n", "&label=nope", "no column \"nope\"")]
    [InlineData("leads", "id,age\nx,1\n", "&positive=1", "--positive needs --label")]
    [InlineData("leads", "id,id\nx,1\n", "", "Two columns")]
    [InlineData("events", "lead_id,date\nx,2026-01-01\n", "", "needs a column type")]
    [InlineData("outcomes", "lead_id,date\nx,2026-01-01\n", "", "needs a column converted")]
    [InlineData("nonsense", "id\n1\n", "", "leads, events or outcomes")]
    public async Task Import_FileOrMappingCannotBeUsed_IsRefusedBeforeAnythingIsStored(string kind, string csv, string options, string expected)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.ImportAsync(kind, csv, options);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(expected, problem.Text("detail"));
        Assert.Null(await organization.LeadAsync("x"));
    }

    [Fact]
    public async Task Import_HeaderOnly_IsDoneWithNoRows()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, report) = await organization.ImportAsync("leads", "id,x\n");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(0, report.Int("rows"));
    }

    [Fact]
    public async Task Import_JsonBody_Is415()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await organization.PostAsync("/v1/imports?kind=leads", "{}")).Status);
    }

    [Fact]
    public async Task Events_MixedRows_AreFoldedOnceAndFaultsNamed()
    {
        var organization = await sidecar.NewOrganizationAsync();
        const string Csv = "event_id,lead_id,Type,source,occurred_at,pages\n1,a,Page View,Website,2026-01-01T10:00:00Z,\n1,a,page_view,website,2026-01-01,\n"
            + "2,a,session,website,1767225600000,7\n3,a,session,fax,2026-01-01,\n4,a,session,website,yesterday,\n";
        var (_, report) = await organization.ImportAsync("events", Csv);
        Assert.Equal((5, 2, 1, 2), (report.Int("rows"), report.Int("created"), report.Int("duplicates"), report.Int("rejected")));
        Assert.Equal(8, (await organization.LeadAsync("a"))!.Snapshot.Activity.Pages);
        await organization.AssertStatesEqualReplayAsync();
    }

    [Fact]
    public async Task Outcomes_UnknownLead_IsRejectedWithItsLine()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        const string Csv = "lead_id,converted,occurred_at,revenue\na,yes,2026-01-01,\"$ 1,200\"\nb,no,2026-01-01,\na,perhaps,2026-01-01,\n";
        foreach (var options in (string[])["&dry_run=true", ""])
        {
            var (_, report) = await organization.ImportAsync("outcomes", Csv, options);
            Assert.Equal(2, report.Int("rejected"));
            Assert.Equal([3, 4], report.GetProperty("faults").EnumerateArray().Select(f => f.Int("line")).Order());
        }
    }

    [Fact]
    public async Task Import_SameFileTwice_IsDoneBeforeUnlessAgain()
    {
        var organization = await sidecar.NewOrganizationAsync();
        const string Csv = "id,x\n1,1\n";
        await organization.ImportAsync("leads", Csv);
        Assert.Equal("done_before", (await organization.ImportAsync("leads", Csv)).Body.Text("status"));
        await organization.PutLeadAsync("1", new { x = 2 });
        Assert.Equal("done", (await organization.ImportAsync("leads", Csv, "&again=true")).Body.Text("status"));
        Assert.Equal("1", (await organization.LeadAsync("1"))!.Snapshot.Attribute("x").AsText());
    }

    [Fact]
    public async Task Import_StoppedInTheMiddle_GoesOnWhereItWas()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var path = Path.Combine(sidecar.Data, "resume.csv");
        await File.WriteAllTextAsync(path, "id,x\n" + string.Concat(Enumerable.Range(0, 9_000).Select(i => $"l{i},{i}\n")));
        var request = new ImportRequest(organization.Id, path, new ImportMapping(ImportKind.Leads));
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sidecar.Get<CsvImport>().RunAsync(request, new Stop(stop), stop.Token));
        var report = await sidecar.Get<CsvImport>().RunAsync(request, null, CancellationToken.None);
        Assert.InRange(report.ResumedAtRow, 2_000, 8_000);
        Assert.Equal((9_000, 9_000), (report.Rows, report.Created));
        Assert.All((await sidecar.Get<LeadScoring.Sidecar.Leads.LeadStore>().GetManyAsync(organization.Id, ["l0", "l4321", "l8999"], CancellationToken.None)).Values, l => Assert.Equal(1, l.Revision));
    }

    private sealed class Stop(CancellationTokenSource source) : IProgress<ImportStep>
    {
        public void Report(ImportStep value)
        {
            if (value.Rows >= 4_000) source.Cancel();
        }
    }
}
