using System.Text.Json;
using Elt.Pipelines.Quality.Rules;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Contracts;

/// <summary>Holds the records of one page against their connector's contract, and notes the fields that they have.</summary>
internal sealed class RecordContract
{
    /// <summary>Rule of a new field.</summary>
    public const string NewField = "new_field";

    /// <summary>Rule of a value of another type.</summary>
    public const string TypeChange = "type";

    // A record of many has names that are data: the first ones tell enough.
    private const int MaxTold = 10;

    private readonly SchemaContract _contract;
    private readonly KnownFields _known;
    private readonly HashSet<string> _named;
    private readonly List<Member> _members = [];
    private readonly Dictionary<string, Member> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ValueTypes> _paths = new(StringComparer.Ordinal);
    private readonly List<(Member Member, ValueTypes Type)> _current = [];
    private readonly List<(string Path, ValueTypes Type)> _taken = [];
    private readonly HashSet<string> _refused = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _breaches = new(StringComparer.Ordinal);

    public RecordContract(Manifest manifest, KnownFields known)
    {
        _contract = manifest.Contract;
        _known = known;
        _named = manifest.NamedMembers();
    }

    /// <summary>Whether a rule is one of the contract.</summary>
    public static bool Judges(string rule) => rule is NewField or TypeChange;

    /// <summary>What complete runs have not read so far; of records that are taken only.</summary>
    public IReadOnlyList<SourceField> Fields =>
    [
        .. _members.Select(member => (member.Field, member.Types)).Concat(_paths.Select(path => (Field: KnownFields.Bounded(path.Key), Types: path.Value)))
            .SelectMany(seen => (seen.Types & ~_known.TypesOf(seen.Field)).Each().Select(type => new SourceField(seen.Field, type)))
            .Distinct(),
    ];

    /// <summary>What a contract that freezes does not allow, for people; <see langword="null"/> when it allows all.</summary>
    public string? Breach => _breaches.Count == 0 ? null : string.Join(" ", _breaches.Take(5).Select(breach => $"'{breach.Key}': {breach.Value}"));

    /// <summary>Begins with a record: adds its new fields to its problems.</summary>
    public void Begin(JsonElement record, List<RecordProblem> problems)
    {
        _current.Clear();
        _taken.Clear();
        _refused.Clear();
        var told = 0;
        foreach (var property in record.EnumerateObject())
        {
            var (member, type) = (Find(property, _current.Count), property.Value.TypeOf());
            _current.Add((member, type));
            if (member.IsNew && told++ < MaxTold)
                problems.Add(Problem(NewField, member.Field, _contract.NewField, $"Expected a field that is known, found a new one of type {type.Name()}."));
        }
        if (_contract.NewField != ContractMode.Evolve && _known.AreTooMany)
            _breaches["/"] = $"Expected at most {KnownFields.Max} fields and types, since the contract names newField; found more. Leave it out.";
    }

    /// <summary>Whether a member is left out of the attributes.</summary>
    public bool LeavesOut(string member) => _contract.NewField == ContractMode.DiscardValue && _byName.TryGetValue(member, out var found) && found.IsNew;

    /// <summary>Whether a value may stand in a text column; else that is added to the problems.</summary>
    public bool Takes(string path, JsonElement value, string column, List<RecordProblem> problems)
    {
        var type = value.TypeOf();
        var known = _known.TypesOf(KnownFields.Bounded(path)) & ~ValueTypes.Null;
        var isWidened = _contract.TypeChange == ContractMode.Evolve && (type & ValueTypeNames.Scalar) != 0 && (known & ValueTypeNames.Scalar) != 0;
        if (known == ValueTypes.None || known.HasFlag(type) || isWidened)
        {
            _taken.Add((path, type));
            return true;
        }
        _refused.Add(path);
        problems.Add(TypeProblem(column, $"Expected {known.Names()}, as it came so far, found {type.Name()}."));
        return false;
    }

    /// <summary>The problem of a value that is none of its column's type.</summary>
    public RecordProblem TypeProblem(string column, string message) => Problem(TypeChange, column, _contract.TypeChange, message);

    /// <summary>Ends with the record: notes its fields, when it is taken, and what it breaks.</summary>
    public void End(bool isTaken, List<RecordProblem> problems)
    {
        foreach (var problem in problems)
        {
            if (problem.Action == RuleAction.FailRun && Judges(problem.Rule))
                _breaches.TryAdd(problem.Field!, problem.Message);
        }
        if (!isTaken)
            return;
        foreach (var (member, type) in _current)
        {
            if (!member.IsNew && (_refused.Count == 0 || !_refused.Contains(member.Field)))
                member.Types |= type;
        }
        foreach (var (path, type) in _taken)
            _paths[path] = _paths.GetValueOrDefault(path) | type;
    }

    private static RecordProblem Problem(string rule, string field, ContractMode mode, string message)
    {
        var (severity, action) = mode switch
        {
            ContractMode.Freeze => (Severity.Critical, RuleAction.FailRun),
            ContractMode.DiscardValue => (Severity.Warning, RuleAction.SetNull),
            _ => (Severity.Error, RuleAction.Quarantine),
        };
        return new RecordProblem(rule, field, message) { Severity = severity, Action = action };
    }

    // Records of one source mostly have the same members in the same order: their names are compared where they stand, and not made anew each time.
    private Member Find(JsonProperty property, int place)
    {
        if (place < _members.Count && property.NameEquals(_members[place].Name))
            return _members[place];
        var name = property.Name;
        if (_byName.TryGetValue(name, out var known))
            return known;
        var field = KnownFields.NameOf(name);
        var isNew = _contract.NewField != ContractMode.Evolve && _known.AreLearnt && !_named.Contains(name) && _known.TypesOf(field) == ValueTypes.None;
        var member = new Member(name, field, isNew);
        _members.Add(member);
        _byName.Add(name, member);
        return member;
    }

    /// <summary>A member of the page's records.</summary>
    private sealed class Member(string name, string pointer, bool isNew)
    {
        public string Name => name;

        public string Field => pointer;

        public bool IsNew => isNew;

        /// <summary>Types of its values in records that are taken.</summary>
        public ValueTypes Types { get; set; }
    }
}
