using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class SettingsModel : DashboardPage
{
    internal string Tab { get; private set; } = "grades";

    internal JsonElement Grades { get; private set; }

    internal JsonElement? Champion { get; private set; }

    internal JsonElement Gates { get; private set; }

    internal JsonElement Jobs { get; private set; }

    internal JsonElement Keys { get; private set; }

    internal JsonElement Webhooks { get; private set; }

    internal JsonElement Profile { get; private set; }

    /// <summary>What is shown this once.</summary>
    internal string? Secret { get; private set; }

    internal string? Yaml { get; private set; }

    internal string? Fault { get; private set; }

    public Task OnGetAsync(string? tab) => ReadAsync(tab);

    private async Task ReadAsync(string? tab)
    {
        Tab = tab is "weights" or "gates" or "schedule" or "keys" or "webhooks" or "profile" ? tab : "grades";
        switch (Tab)
        {
            case "grades": Grades = await GetAsync<JsonElement>("GetGrades"); break;
            case "weights": Champion = await ChampionAsync(); break;
            case "gates": Gates = await GetAsync<JsonElement>("GetGates"); break;
            case "schedule": Jobs = await GetAsync<JsonElement>("ListJobs", new { runs = 3 }); break;
            case "keys" when May(ApiScope.Admin): Keys = await GetAsync<JsonElement>("ListKeys"); break;
            case "webhooks" when May(ApiScope.Admin): Webhooks = await GetAsync<JsonElement>("ListWebhooks"); break;
            case "profile" when May(ApiScope.Admin): Profile = await GetAsync<JsonElement>("GetProfile"); break;
        }
    }

    private static object Policy(string mode, double a, double b, double c) => mode switch
    {
        "percentile" => new { mode, shares = new { a = a / 100, b = b / 100, c = c / 100 } },
        "capacity" => new { mode, counts = new { a, b, c } },
        _ => new { mode = "fixed", bounds = new { a, b, c } },
    };

    public async Task<IActionResult> OnPostPreviewAsync(string mode, double a, double b, double c) =>
        Partial("_GradePreview", await SendAsync<JsonElement>("PreviewGrades", null, Policy(mode, a, b, c)));

    public async Task<IActionResult> OnPostGradesAsync(string mode, double a, double b, double c)
    {
        await SendAsync<JsonElement>("PutGrades", null, Policy(mode, a, b, c));
        return Done("The grades are set; every open lead has its grade by them.", "/dashboard/settings?tab=grades");
    }

    private async Task<JsonElement?> ChampionAsync() =>
        (await GetAsync<JsonElement>("ListModels")).At("champion") is { } version ? await GetAsync<JsonElement>("GetModel", new { version = (int)version }) : null;

    /// <summary>Calibration and confidence belong to the weights, so that others make another model: trained as the champion was, but for them, and judged by the gates.</summary>
    public async Task<IActionResult> OnPostWeightsAsync(double boosting, double forest, double network, double regression)
    {
        var settings = (await ChampionAsync())?.Part("manifest", "settings") is { } own ? JsonObject.Create(own)! : [];
        settings["weights"] = new JsonObject { ["gradient_boosting"] = boosting, ["random_forest"] = forest, ["network"] = network, ["regression"] = regression };
        // A search would choose weights of its own.
        settings["tuning"] = "spec";
        await SendAsync<JsonElement>("StartTraining", null, new { settings });
        return Done("A model with these weights is being trained; it takes over when it passes the gates, and later trainings keep its weights.", "/dashboard/training");
    }

    public async Task<IActionResult> OnPostGatesAsync()
    {
        var body = new JsonObject();
        foreach (var setting in (await GetAsync<JsonElement>("GetGates")).GetProperty("settings").EnumerateObject())
        {
            var text = Request.Form["g." + setting.Name].ToString().Trim();
            body[setting.Name] = setting.Value.ValueKind switch
            {
                JsonValueKind.True or JsonValueKind.False => text == "true",
                JsonValueKind.Array => new JsonArray([.. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(n => (JsonNode)n)]),
                JsonValueKind.String => text,
                _ when double.TryParse(text, CultureInfo.InvariantCulture, out var number) => Math.Floor(number) == number && Math.Abs(number) < 1e9 ? (int)number : number,
                _ => throw new ProblemException(ProblemKind.Validation, $"{Show.Name(setting.Name)}: \"{text}\" is no number."),
            };
        }

        await SendAsync<JsonElement>("PutGates", null, body);
        return Done("The gates are set; the next training is judged by them.", "/dashboard/settings?tab=gates");
    }

    public async Task<IActionResult> OnPostDefaultGatesAsync()
    {
        await SendAsync<JsonElement>("DeleteGates");
        return Done("The gates are the defaults again.", "/dashboard/settings?tab=gates");
    }

    public async Task<IActionResult> OnPostScheduleAsync(string name, string? schedule, string timeZone, bool enabled)
    {
        await SendAsync<JsonElement>("PutJobSchedule", new { name }, new { schedule, time_zone = timeZone?.Trim(), enabled });
        return Done(enabled ? $"The job {name} runs by this schedule." : $"The job {name} does not run by itself any more.", "/dashboard/settings?tab=schedule");
    }

    public async Task<IActionResult> OnPostCommonScheduleAsync(string name)
    {
        await SendAsync<JsonElement>("DeleteJobSchedule", new { name });
        return Done($"The job {name} runs by the schedule of the service again.", "/dashboard/settings?tab=schedule");
    }

    public async Task<IActionResult> OnPostRunAsync(string name)
    {
        await SendAsync<JsonElement>("RunJob", new { name });
        return Done($"The job {name} begins.", "/dashboard/settings?tab=schedule");
    }

    public async Task<IActionResult> OnPostKeyAsync(string name, string scope, int? expiresInDays)
    {
        var made = await SendAsync<JsonElement>("CreateKey", null, new { name, scope, expires_in_days = expiresInDays });
        await ReadAsync("keys");
        Secret = made.Text("key");
        return Page();
    }

    public async Task<IActionResult> OnPostRotateAsync(string keyId)
    {
        var rotated = await SendAsync<JsonElement>("RotateKey", new { keyId });
        await ReadAsync("keys");
        Secret = rotated.Text("key");
        return Page();
    }

    public async Task<IActionResult> OnPostRevokeAsync(string keyId)
    {
        await SendAsync<JsonElement>("RevokeKey", new { keyId });
        return Done("The key is revoked.", "/dashboard/settings?tab=keys");
    }

    public async Task<IActionResult> OnPostWebhookAsync(string url, string[] events)
    {
        var made = await SendAsync<JsonElement>("CreateWebhook", null, new { url, events });
        await ReadAsync("webhooks");
        Secret = made.Text("secret");
        return Page();
    }

    public async Task<IActionResult> OnPostTestWebhookAsync(string webhookId)
    {
        var sent = await SendAsync<JsonElement>("TestWebhook", new { webhookId });
        return Done(sent.Text("delivered") == "true" ? "The receiver took the test event." : $"The test event was not taken: {sent.Text("failure")}", "/dashboard/settings?tab=webhooks");
    }

    public async Task<IActionResult> OnPostRotateWebhookAsync(string webhookId)
    {
        var made = await SendAsync<JsonElement>("RotateWebhookSecret", new { webhookId });
        await ReadAsync("webhooks");
        Secret = made.Text("secret");
        return Page();
    }

    public async Task<IActionResult> OnPostReplayWebhookAsync(string webhookId)
    {
        var sent = await SendAsync<JsonElement>("ReplayWebhook", new { webhookId });
        return Done($"{Show.Number(sent.At("replayed"))} events are sent again.", "/dashboard/settings?tab=webhooks");
    }

    public async Task<IActionResult> OnPostDeleteWebhookAsync(string webhookId)
    {
        await SendAsync<JsonElement>("DeleteWebhook", new { webhookId });
        return Done("The webhook is gone.", "/dashboard/settings?tab=webhooks");
    }

    public async Task<IActionResult> OnPostProfileAsync(string yaml)
    {
        try
        {
            var put = await SendAsync<JsonElement>("PutProfile", null, new { yaml });
            return Done($"Profile {put.Text("name")}, version {put.Text("version")}, is active. A model that was trained with another gives way to rules until one is trained anew.", "/dashboard/settings?tab=profile");
        }
        catch (ProblemException e) when (e.Kind.Status == 400)
        {
            // What was typed stays, with what is wrong in it.
            await ReadAsync("profile");
            (Yaml, Fault) = (yaml, e.Errors is [var one, ..] ? one.Detail : e.Message);
            return Page();
        }
    }
}
