using System.Text.Json;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Datasets;

/// <summary>A dataset as its file declares it.</summary>
internal sealed partial record DatasetDeclaration
{
    // An outbox entry is made by one function of two arguments per column, and Postgres allows a hundred.
    private const int MaxColumns = 50;

    // Statements call a column's former value "before column", and the longest name that begins with the dataset's is name_history_current.
    private const int MaxColumnName = 63 - 7, MaxName = 63 - 16;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
        WriteIndented = true,
    };

    // What the tables have beside the dataset's columns, and what Postgres and SQLite have in every table.
    private static readonly HashSet<string> TakenColumns =
    [
        "organization_id", "connected_integration_id", "workflow_id", "run_id", "page", "ordinal", "id", "external_id", "state", "created_at", "updated_at",
        "change_type", "changed_fields", "resurrected", "detected_at", "last_updated", "version", "valid_from", "valid_to", "is_current", "deleted",
        "deleted_at", "last_seq", "tableoid", "ctid", "xmin", "xmax", "cmin", "cmax", "rowid", "oid",
    ];

    // Statements name their temporary tables so.
    private static readonly HashSet<string> TakenNames = ["seen", "incoming", "changed"];

    /// <summary>The schema that editors complete by; not read.</summary>
    [JsonPropertyName("$schema")]
    public string? Schema { get; init; }

    /// <summary>Plural, in lower case letters, digits and underscores; begins the names of its tables. The file has the same name.</summary>
    public required string Name { get; init; }

    /// <summary>What identifies a record at its source, for people who write a connector or read the tables.</summary>
    public required string Key { get; init; }

    /// <summary>What is kept of a record beside its key, at most 50 columns; each may be NULL.</summary>
    public required IReadOnlyList<ColumnDeclaration> Columns { get; init; }

    /// <summary>The JSON Schema of declarations.</summary>
    public static string JsonSchema =>
        Options.GetJsonSchemaAsNode(typeof(DatasetDeclaration), new JsonSchemaExporterOptions { TreatNullObliviousAsNonNullable = true }).ToJsonString(Options);

    /// <summary>Reads a declaration.</summary>
    /// <param name="json">Its text.</param>
    /// <param name="file">The file it stands in.</param>
    /// <exception cref="FormatException">It cannot be used; the message gives file, JSON path, what was expected and what was found.</exception>
    public static Dataset Parse(string json, string file)
    {
        DatasetDeclaration declared;
        try
        {
            declared = JsonSerializer.Deserialize<DatasetDeclaration>(json, Options) ?? throw new FormatException($"{file}, $: expected an object, found null.");
        }
        catch (JsonException e)
        {
            var why = e.Path?.EndsWith(".type", StringComparison.Ordinal) == true ? $"expected {Types}." : e.InnerException?.Message ?? e.Message;
            throw new FormatException($"{file}, {e.Path ?? "$"}: {why}", e);
        }
        if (declared.Problems(Path.GetFileNameWithoutExtension(file)).FirstOrDefault() is { } problem)
            throw new FormatException($"{file}, {problem}");
        return new Dataset(declared.Name, [.. declared.Columns.Select(column => new DatasetColumn(column.Name, (ColumnKind)column.Type))]) { Key = declared.Key };
    }

    private static string Types => string.Join(", ", Enum.GetNames<ColumnType>().Select(JsonNamingPolicy.CamelCase.ConvertName));

    private IEnumerable<string> Problems(string file)
    {
        if (!Identifier().IsMatch(Name) || Name.Length > MaxName)
            yield return $"$.name: expected at most {MaxName} lower case letters, digits and underscores, a letter first, found '{Name}'.";
        if (TakenNames.Contains(Name) || Name.StartsWith("pg_", StringComparison.Ordinal) || Name.StartsWith("sqlite_", StringComparison.Ordinal))
            yield return $"$.name: '{Name}' is reserved; choose another name.";
        if (Name != file)
            yield return $"$.name: expected '{file}', as the file is named, found '{Name}'.";
        if (string.IsNullOrWhiteSpace(Key))
            yield return "$.key: expected what identifies a record at its source, found nothing.";
        if (Columns.Count is 0 or > MaxColumns)
            yield return $"$.columns: expected 1 to {MaxColumns} columns, found {Columns.Count}.";
        if (Columns.Count(column => column.Type == ColumnType.RemainingMembers) > 1)
            yield return "$.columns: expected one column of type remainingMembers at most, found several.";
        foreach (var (i, column) in Columns.Index())
        {
            if (!Identifier().IsMatch(column.Name) || column.Name.Length > MaxColumnName)
                yield return $"$.columns[{i}].name: expected at most {MaxColumnName} lower case letters, digits and underscores, a letter first, found '{column.Name}'.";
            if (TakenColumns.Contains(column.Name))
                yield return $"$.columns[{i}].name: '{column.Name}' is a column that the tables have by themselves; choose another name.";
            if (Columns.Take(i).Any(earlier => earlier.Name == column.Name))
                yield return $"$.columns[{i}].name: expected each column once, found '{column.Name}' again.";
        }
    }

    [GeneratedRegex(@"^[a-z][a-z0-9_]*\z")]
    private static partial Regex Identifier();
}

/// <summary>A column of a declared dataset.</summary>
/// <param name="Name">Lower case letters, digits and underscores, a letter first.</param>
/// <param name="Type">What it holds.</param>
internal sealed record ColumnDeclaration(string Name, ColumnType Type);

/// <summary>What a declared column can hold.</summary>
internal enum ColumnType
{
    Text = ColumnKind.Text,
    Integer = ColumnKind.Integer,
    Decimal = ColumnKind.Decimal,
    Boolean = ColumnKind.Boolean,
    Timestamp = ColumnKind.Timestamp,
    Json = ColumnKind.Json,

    /// <summary>All members of the source's record that no mapping takes, as one JSON object of at most 65 536 characters; one column may hold them.</summary>
    RemainingMembers = ColumnKind.RemainingMembers,
}
