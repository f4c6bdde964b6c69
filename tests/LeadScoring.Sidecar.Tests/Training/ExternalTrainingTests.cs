using System.Globalization;
using System.IO.Compression;
using System.Net;
using LeadScoring.Ml.XGBoost;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>The road past one machine: the matrix goes out, a member trained elsewhere comes back, and scores.</summary>
[Trait("Category", "Slow")]
public sealed class ExternalTrainingTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static async Task<byte[]> ZipAsync(byte[] exported, byte[] boosting)
    {
        using var buffer = new MemoryStream();
        using (var from = new ZipArchive(new MemoryStream(exported), ZipArchiveMode.Read))
        using (var to = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var name in (string[])["export.json", "profile.yml"])
            {
                await using var source = from.GetEntry(name)!.Open();
                await using var target = to.CreateEntry(name).Open();
                await source.CopyToAsync(target);
            }

            await using var member = to.CreateEntry("gradient_boosting.json").Open();
            await member.WriteAsync(boosting);
        }

        return buffer.ToArray();
    }

    private static (float[] Rows, int Columns, float[] Labels) Matrix(byte[] exported)
    {
        using var archive = new ZipArchive(new MemoryStream(exported), ZipArchiveMode.Read);
        using var reader = new StreamReader(archive.GetEntry("matrix.csv")!.Open());
        var lines = reader.ReadToEnd().TrimEnd('\n').Split('\n').Select(l => l.Split(',')).ToArray();
        var first = Array.IndexOf(lines[0], "f0");
        var rows = lines.Skip(1).SelectMany(l => l[first..].Select(v => v.Length == 0 ? float.NaN : float.Parse(v, CultureInfo.InvariantCulture))).ToArray();
        return (rows, lines[0].Length - first, [.. lines.Skip(1).Select(l => float.Parse(l[Array.IndexOf(lines[0], "converted")], CultureInfo.InvariantCulture))]);
    }

    private static Task<(HttpStatusCode Status, System.Text.Json.JsonElement Body)> SendAsync(TestOrganization organization, byte[] zip, string query = "")
    {
        var content = new ByteArrayContent(zip);
        content.Headers.ContentType = new("application/zip");
        return organization.SendAsync(HttpMethod.Post, "/v1/training-runs/external" + query, content);
    }

    [NativeXGBoostFact]
    public async Task Matrix_TrainedElsewhere_ComesBackAndScores()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 1_500, 5);
        using var answer = await organization.Client.GetAsync("/v1/training-data/matrix");
        Assert.Equal((HttpStatusCode.OK, "application/zip"), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
        var exported = await answer.Content.ReadAsByteArrayAsync();
        Assert.Empty(Directory.GetFiles(sidecar.Data, "matrix-*"));
        var (rows, columns, labels) = Matrix(exported);
        Assert.InRange(labels.Length, 1_100, 1_300);
        var boosting = XGBoostTrainer.Train(rows, columns, labels, default, XGBoostParameters.GradientBoosting with { Rounds = 30, MaxDepth = 3 });

        var (status, run) = await SendAsync(organization, await ZipAsync(exported, boosting), "?promote=always");
        Assert.True(status == HttpStatusCode.Accepted, run.ToString());
        var queued = await sidecar.Get<TrainingRunStore>().TakeAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
        Assert.Equal(run.Text("run_id"), queued!.RunId);
        var trained = await sidecar.Get<TrainModel>().RunAsync(queued, new Progress<Ml.Training.TrainingProgress>(), CancellationToken.None);
        Assert.Equal(["gradient_boosting"], trained.Manifest.TrainedElsewhere);
        Assert.True(trained.Manifest.Test!.Ensemble.RocAuc > 0.8, $"{trained.Manifest.Test.Ensemble.RocAuc}");
        var done = await sidecar.Get<TrainingRunStore>().GetAsync(organization.Id, queued.RunId, CancellationToken.None);
        Assert.Equal(("succeeded", true), (done.Status, done.IsPromoted));
        // The upload is in the model now; the queue keeps no megabytes.
        Assert.Null(await sidecar.Get<TrainingRunStore>().ExternalMembersAsync(done, CancellationToken.None));
        var score = await organization.ScoreAsync(new { lead_id = "new-1", lead = new { age = 40, website_sessions = 7 }, include_factors = true });
        Assert.Equal(("ensemble", trained.Version), (score.Text("scored_by"), score.Int("model_version")));
    }

    [NativeXGBoostFact]
    public async Task Post_WhatDoesNotFit_Is400AndQueuesNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await SendAsync(organization, [1, 2, 3]);
        Assert.Equal((HttpStatusCode.BadRequest, "/problems/validation"), (status, problem.Text("type")));
        var (badMode, mode) = await SendAsync(organization, [1, 2, 3], "?promote=7");
        Assert.Equal((HttpStatusCode.BadRequest, "?promote"), (badMode, mode.At("errors", 0).Text("pointer")));
        Assert.Empty((await organization.GetAsync("/v1/training-runs")).Body.GetProperty("runs").EnumerateArray());
    }

    [NativeXGBoostFact]
    public async Task Matrix_WithoutOutcomes_Is409WithWhatIsMissing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.GetAsync("/v1/training-data/matrix");
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Contains("at least 10 converted", problem.Text("detail"));
    }
}
