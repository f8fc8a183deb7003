using System.Globalization;
using System.Text.Json;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Sources;

/// <summary>Maps one record of a source to the columns of a dataset. What cannot be mapped becomes a problem of the record, never an error.</summary>
internal sealed class RecordMapper
{
    private const int MaxKeyLength = 512;
    private const int MaxTextLength = 64 * 1024;
    private const int MaxRawLength = 1024 * 1024;

    private readonly Manifest _manifest;
    private readonly Dataset _dataset;
    private readonly HashSet<string> _mapped;
    private readonly RowQuality _quality;
    private readonly RecordContract _contract;

    /// <param name="manifest">How.</param>
    /// <param name="dataset">What to.</param>
    /// <param name="known">What earlier runs have read of the integration; default nothing.</param>
    public RecordMapper(Manifest manifest, Dataset dataset, KnownFields? known = null)
    {
        _manifest = manifest;
        _dataset = dataset;
        _quality = new RowQuality(manifest.Quality, dataset);
        _contract = new RecordContract(manifest, known ?? KnownFields.None);
        _mapped = manifest.TakenMembers();
    }

    /// <summary>What the records so far have that is not known yet.</summary>
    public IReadOnlyList<SourceField> NewFields => _contract.Fields;

    /// <summary>What in the records so far the contract does not allow at all; <see langword="null"/> when it allows all.</summary>
    public string? Breach => _contract.Breach;

    public SourceRecord Map(JsonElement item)
    {
        var state = State(item);
        var problems = new List<RecordProblem>();
        if (state == RecordState.Present)
            _contract.Begin(item, problems);
        var values = state is RecordState.Removed or RecordState.Deleted ? [] : Values(item, problems);
        if (state == RecordState.Present)
            _quality.Apply(item, values, problems);
        var record = new SourceRecord(Key(item), values)
        {
            State = state,
            UpdatedAt = UpdatedAt(item),
            Problems = problems,
        };
        var isTaken = !Quarantine.Takes(record);
        if (state == RecordState.Present)
            _contract.End(isTaken, problems);
        return isTaken && !_manifest.Quality.MayQuarantineLater ? record : record with { Raw = Raw(item) };
    }

    private RecordState State(JsonElement item)
    {
        foreach (var mark in _manifest.Records.Tombstones)
        {
            if (JsonPointer.Find(item, mark.Path).AsText().Fits(mark.Values))
                return mark.State == TombstoneState.Deleted ? RecordState.Deleted : RecordState.Removed;
        }
        return _manifest.Records.Filter.All(condition => JsonPointer.Find(item, condition.Path).AsText().Fits(condition.Values) != condition.Not)
            ? RecordState.Present
            : RecordState.OutOfScope;
    }

    private string? Key(JsonElement item)
    {
        var key = _manifest.Key is [var only] ? KeyPart(JsonPointer.Find(item, only)) : CompositeKey(item);
        return key is null || key.Length > MaxKeyLength ? null : key;
    }

    private string? CompositeKey(JsonElement item)
    {
        var parts = _manifest.Key.Select(path => KeyPart(JsonPointer.Find(item, path))).ToList();
        return parts.Contains(null) ? null : string.Join('/', parts.Select(part => Uri.EscapeDataString(part!)));
    }

    // A number is kept digit by digit: ids above 2^53 are not rounded.
    private static string? KeyPart(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.String or JsonValueKind.Number } && value.AsText() is { } text && !string.IsNullOrWhiteSpace(text) ? text : null;

    private string?[] Values(JsonElement item, List<RecordProblem> problems)
    {
        var values = new string?[_dataset.Columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            var column = _dataset.Columns[i];
            var text = column.Kind == ColumnKind.RemainingMembers
                ? CanonicalJson.Write(item, member => !_mapped.Contains(member) && !_contract.LeavesOut(member))
                : _manifest.Fields.TryGetValue(column.Name, out var mapping) ? Field(item, column, mapping, problems) : null;
            if (text?.Length > MaxTextLength)
            {
                problems.Add(new RecordProblem("length", column.Name, $"Expected at most {MaxTextLength} characters, found {text.Length}."));
                text = null;
            }
            values[i] = text;
        }
        return values;
    }

    private string? Field(JsonElement item, DatasetColumn column, FieldMapping mapping, List<RecordProblem> problems)
    {
        var found = Found(item, column, mapping, problems);
        var text = mapping.Join is { } separator && found.Count > 0
            ? FieldText.InUtc(string.Join(separator, found.Select(value => value.AsText())), mapping.TimeZone)
            : column.Kind == ColumnKind.Json && found.FirstOrDefault() is { } json ? CanonicalJson.Write(json)
            : Typed(found.FirstOrDefault(), column.Name, mapping, problems);
        foreach (var transform in mapping.Transform)
            text = text is null ? null : Transformed(text, transform);
        text = text is null ? null : Kept(text, column, problems);
        if (text is null && mapping.Required && !problems.Any(problem => problem.Field == column.Name && problem.Quarantines))
            problems.Add(new RecordProblem("required", column.Name, "Expected a value, found none."));
        return text;
    }

    /// <summary>The values that a column is made of: the first one there is, or all that are joined; without those that its contract refuses.</summary>
    private List<JsonElement?> Found(JsonElement item, DatasetColumn column, FieldMapping mapping, List<RecordProblem> problems)
    {
        var found = new List<JsonElement?>();
        foreach (var path in mapping.From)
        {
            if (JsonPointer.Find(item, path) is not { ValueKind: not JsonValueKind.Null } value)
                continue;
            if (column.Kind != ColumnKind.Text || mapping.Type != FieldType.Text || _contract.Takes(path, value, column.Name, problems))
                found.Add(value);
            if (mapping.Join is null)
                break;
        }
        return found;
    }

    private string? Kept(string text, DatasetColumn column, List<RecordProblem> problems)
    {
        var kept = ColumnText.Canonical(column.Kind, text);
        if (kept is null)
            problems.Add(_contract.TypeProblem(column.Name, $"Expected {column.Kind.ToString().ToLowerInvariant()}, found {text.Length} characters that are none."));
        return kept;
    }

    private string? Typed(JsonElement? value, string column, FieldMapping mapping, List<RecordProblem> problems)
    {
        if (value.AsText() is not { } text)
            return null;
        var typed = FieldText.Of(FieldText.InUtc(text, mapping.TimeZone), mapping.Type);
        if (typed is null)
            problems.Add(_contract.TypeProblem(column, $"Expected {mapping.Type.ToString().ToLowerInvariant()}, found {value!.Value.TypeOf().Name()}."));
        return typed;
    }

    private static string? Transformed(string text, Transform transform) => transform switch
    {
        Transform.Trim => text.Trim(),
        Transform.Lower => text.ToLowerInvariant(),
        Transform.Upper => text.ToUpperInvariant(),
        _ => text.Length == 0 ? null : text,
    };

    private DateTimeOffset? UpdatedAt(JsonElement item)
    {
        if (_manifest.UpdatedAt is not { } rule || JsonPointer.Find(item, rule.Path).AsText() is not { } text)
            return null;
        if (rule.Format == TimeFormat.Iso8601)
            return FieldText.Time(FieldText.InUtc(text, rule.TimeZone));
        var unit = rule.Format == TimeFormat.EpochSeconds ? 1000 : 1;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number * unit is > 0 and < 253_402_300_799_999
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)(number * unit))
            : null;
    }

    private static string? Raw(JsonElement item) => item.GetRawText() is { Length: <= MaxRawLength } raw ? raw : null;
}
