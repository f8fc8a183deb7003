using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Elt.Service.Api;

/// <summary>JSON of the HTTP API: snake_case; readers ignore members that they do not know yet.</summary>
internal static class ApiJson
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static readonly JsonSerializerOptions Indented = new(Options) { WriteIndented = true };
}

/// <summary>Where things are. A workflow id may hold slashes; it is always one escaped path segment.</summary>
internal static class ApiPath
{
    public const string Workflows = "/api/v1/workflows";
    public const string Integrations = "/api/v1/integrations";
    public const string Onboardings = "/api/v1/onboardings";
    public const string Backfills = "/api/v1/backfills";
    public const string Tables = "/api/v1/tables";
    public const string Datasets = "/api/v1/datasets";
    public const string Deletes = "/api/v1/deletes";
    public const string Quarantine = "/api/v1/quarantine";
    public const string Quality = "/api/v1/quality";
    public const string Plan = "/api/v1/plan";
    public const string Health = "/health";

    /// <summary>Longest wait of one request for a result; clients ask again.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    public static string Workflow(string id) => $"{Workflows}/{Uri.EscapeDataString(id)}";

    public static string Steps(string id) => $"{Workflow(id)}/steps";

    public static string Result(string id, TimeSpan wait) =>
        string.Create(CultureInfo.InvariantCulture, $"{Workflow(id)}/result?wait={(long)wait.TotalMilliseconds}ms");
}

/// <summary>Durations as people write them: <c>500ms</c>, <c>30s</c>, <c>10m</c>, <c>2h</c>, or seconds as a plain number.</summary>
internal static class DurationText
{
    private static readonly (string Suffix, double Seconds)[] Units = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("", 1)];

    /// <summary>Reads a duration of zero to 30 days.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        var (suffix, seconds) = Units.First(unit => text.EndsWith(unit.Suffix, StringComparison.Ordinal));
        var isNumber = double.TryParse(text[..^suffix.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount);
        var isValid = isNumber && amount * seconds <= TimeSpan.SecondsPerDay * 30;
        duration = isValid ? TimeSpan.FromSeconds(amount * seconds) : default;
        return isValid;
    }
}

/// <summary>Body of a start. <c>Input</c> holds the members of the workflow's input; text is converted to what the member needs.</summary>
internal sealed record StartRequest
{
    public string? Id { get; init; }

    public string? Queue { get; init; }

    public double? DelaySeconds { get; init; }

    public JsonElement? Input { get; init; }
}

/// <summary>Body of an onboarding; without integrations all of the organization that are pending or need new credentials.</summary>
internal sealed record OnboardRequest
{
    public string? Id { get; init; }

    public required string OrganizationId { get; init; }

    public IReadOnlyList<string>? Integrations { get; init; }
}

/// <summary>Body of a backfill; times are UTC where they name no zone.</summary>
internal sealed record BackfillRequest
{
    public string? Id { get; init; }

    public required string OrganizationId { get; init; }

    public required string ConnectedIntegrationId { get; init; }

    public required string From { get; init; }

    public string? To { get; init; }

    public int? RequestsPerMinute { get; init; }
}

internal sealed record StartedView(string Id, string Workflow, string Status);

internal sealed record ErrorView(string Type, string Message);

internal sealed record RunView
{
    public required string Id { get; init; }

    public required string Workflow { get; init; }

    public required int Version { get; init; }

    public required string Status { get; init; }

    public string? Queue { get; init; }

    public string? ParentId { get; init; }

    public required JsonElement Input { get; init; }

    public JsonElement? Result { get; init; }

    public ErrorView? Error { get; init; }

    public required int Recoveries { get; init; }

    public string? Owner { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    public DateTimeOffset? DueAt { get; init; }
}

internal sealed record RunList(IReadOnlyList<RunView> Workflows);

internal sealed record StepView
{
    public required string Key { get; init; }

    public required string Kind { get; init; }

    public required string Status { get; init; }

    public required int Attempts { get; init; }

    public JsonElement? Result { get; init; }

    public ErrorView? Error { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset CompletedAt { get; init; }
}

internal sealed record StepList(IReadOnlyList<StepView> Steps);

/// <summary>Outcome of a run; the same object whenever and however often it is asked for.</summary>
internal sealed record ResultView(string Id, string Workflow, string Status, JsonElement? Result, ErrorView? Error);

/// <summary>A connected integration, in requests and answers. <c>ProviderData</c> is kept as it came.</summary>
internal sealed record IntegrationView
{
    public required string Id { get; init; }

    public required string OrganizationId { get; init; }

    public required string Provider { get; init; }

    public required JsonElement ProviderData { get; init; }

    /// <summary><c>active</c>, <c>pending</c>, <c>needs_reauth</c> or <c>paused</c>; in requests default <c>active</c> for a new one, and as it is for one that is there.</summary>
    public string? State { get; init; }

    /// <summary>In answers: why it is in that state, and what to do; <see langword="null"/> when there is nothing to say.</summary>
    public string? StateReason { get; init; }

    /// <summary>In answers: the dataset that its connector maps to; <see langword="null"/> when the connector cannot be used.</summary>
    public string? Dataset { get; init; }
}

internal sealed record IntegrationList(IReadOnlyList<IntegrationView> Integrations);

/// <summary>Rows of one table; of one integration, or in all where the integration is <see langword="null"/>.</summary>
internal sealed record TableView(string Table, string? OrganizationId, string? ConnectedIntegrationId, long Rows);

internal sealed record DatasetColumnView(string Name, string Type);

/// <summary>A kind of record that integrations feed; <c>Key</c> tells people what identifies one at its source.</summary>
internal sealed record DatasetView(string Name, string Key, IReadOnlyList<DatasetColumnView> Columns);

internal sealed record DatasetList(IReadOnlyList<DatasetView> Datasets);

internal sealed record TableList(IReadOnlyList<TableView> Tables);

/// <summary><c>Status</c> is <c>ok</c> or <c>failed</c>; <c>Reason</c> says why it failed, and may say more when it did not.</summary>
internal sealed record CheckView(string Name, string Status, string? Reason, double Milliseconds);

internal sealed record HealthView(string Status, string Version, double UptimeSeconds, IReadOnlyList<CheckView> Checks);

/// <summary>An error as RFC 9457 has it. <c>Type</c> is stable; programs decide by it, people read <c>Detail</c>.</summary>
internal sealed record ProblemView
{
    public required string Type { get; init; }

    public required string Title { get; init; }

    public required int Status { get; init; }

    public string? Detail { get; init; }

    /// <summary>The request's member that is wrong, where it is one.</summary>
    public string? Member { get; init; }
}
