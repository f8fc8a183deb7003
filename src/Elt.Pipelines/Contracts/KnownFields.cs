using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Contracts;

/// <summary>
/// The fields of an integration's records and the types of their values, as the complete runs before have read and taken them. It changes only when a run is
/// applied, which fences the others: all pages of a run are judged by the same.
/// </summary>
internal sealed class KnownFields
{
    /// <summary>So many pairs of field and type are kept of an integration; one with more has names that are data, and no contract on new ones can be kept.</summary>
    public const int Max = 2000;

    private const int MaxName = 200;
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";
    private const string OfRun = $"{OfIntegration} and workflow_id = $run";

    private readonly Dictionary<string, ValueTypes> _types = new(StringComparer.Ordinal);
    private int _pairs;

    /// <summary>Of an integration that no run has read yet.</summary>
    public static KnownFields None { get; } = new();

    /// <summary>Whether a first run has learnt the fields there are, so that others are new.</summary>
    public bool AreLearnt => _pairs > 0;

    /// <summary>Whether there are more than are kept.</summary>
    public bool AreTooMany => _pairs >= Max;

    /// <summary>The types that a field has had; none for one that is not known.</summary>
    public ValueTypes TypesOf(string field) => _types.GetValueOrDefault(field);

    /// <summary>How a member of a record is called: as a JSON Pointer of at most 200 characters.</summary>
    public static string NameOf(string member) => Bounded("/" + member.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));

    /// <summary>A pointer of at most 200 characters; the end of a longer one is a hash of all of it.</summary>
    public static string Bounded(string pointer)
    {
        if (pointer.Length <= MaxName)
            return pointer;
        var kept = char.IsHighSurrogate(pointer[MaxName - 18]) ? MaxName - 18 : MaxName - 17;
        return $"{pointer[..kept]}…{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(pointer)).AsSpan(0, 8))}";
    }

    /// <summary>What is known of an integration.</summary>
    public static KnownFields Of(SqliteConnection connection, IntegrationKey integration)
    {
        using var command = connection.Command(
            $"select field, type from source_fields where {OfIntegration}", new PipelineRun(integration, "", 0).Parameters);
        using var row = command.ExecuteReader();
        var known = new KnownFields();
        while (row.Read())
            known.Add(row.GetString(0), Enum.Parse<ValueTypes>(row.GetString(1), ignoreCase: true));
        return known;
    }

    /// <summary>Fields and types as a page keeps them until its run is applied; <see langword="null"/> for none.</summary>
    public static string? ToJson(IReadOnlyList<SourceField> fields) =>
        fields.Count == 0 ? null : JsonSerializer.Serialize(fields.Select(field => new[] { field.Name, field.Type.Name() }));

    /// <summary>
    /// Learns what a run has read, in the transaction that applies it. The first run of all must have read everything: what only changed records have is not all.
    /// </summary>
    /// <returns>What is new to an integration that was known, as <c>/field type</c>.</returns>
    public static IReadOnlyList<string> Learn(SqliteTransaction transaction, PipelineRun run, string now)
    {
        var known = transaction.Count($"select count(*) from source_fields where {OfIntegration}", run.Parameters);
        if (known == 0 && transaction.Count($"select count(*) from run_readings where {OfRun} and mode = 'incremental'", run.Parameters) > 0)
            return [];
        var learnt = transaction.Query(
            $"""
            insert into source_fields (organization_id, connected_integration_id, field, type, workflow_id, learnt_at)
            select $org, $integration, field, type, $run, $now
            from (
              select json_extract(f.value, '$[0]') as field, json_extract(f.value, '$[1]') as type
              from extract_pages p, json_each(p.fields) f where {OfRun}
              except select field, type from source_fields where {OfIntegration}
              order by 1, 2 limit $room)
            returning field || ' ' || type
            """,
            row => row.GetString(0), [.. run.Parameters, ("$now", now), ("$room", Math.Max(0, Max - known))]);
        return known == 0 ? [] : learnt;
    }

    private void Add(string field, ValueTypes type)
    {
        _types[field] = _types.GetValueOrDefault(field) | type;
        _pairs++;
    }
}

/// <summary>A type of a record's field.</summary>
/// <param name="Name">A JSON Pointer of at most 200 characters.</param>
/// <param name="Type">One type.</param>
internal sealed record SourceField(string Name, ValueTypes Type);
