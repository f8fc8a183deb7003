using System.Text.Json;
using System.Text.Json.Serialization;

namespace Elt.Durable.Testing;

/// <summary>
/// A run as a journal holds it, to be kept as a file and replayed by the code of another day. It holds inputs and results of steps: what must not be in
/// a test's files must not be in a journal either.
/// </summary>
/// <param name="Run">The run.</param>
/// <param name="Steps">What it has recorded, in the order of recording.</param>
public sealed record RecordedRun(RunInfo Run, IReadOnlyList<StepInfo> Steps)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseUpper) },
    };

    /// <summary>Reads a run from the journal of a client, of production for example.</summary>
    /// <param name="client">The client; it needs no worker.</param>
    /// <param name="workflowId">The run.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="UnknownRunException">There is no such run.</exception>
    public static async Task<RecordedRun> ReadAsync(WorkflowClient client, string workflowId, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        var run = await client.FindAsync(workflowId, ct).ConfigureAwait(false) ?? throw UnknownRunException.For(workflowId);
        return new RecordedRun(run, await client.ListStepsAsync(workflowId, ct).ConfigureAwait(false));
    }

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="JsonException">It is something else.</exception>
    public static RecordedRun Parse(string json) => JsonSerializer.Deserialize<RecordedRun>(json, Json) ?? throw new JsonException("A recorded run was expected, null was found.");

    /// <summary>The run as indented JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);
}
