using System.Globalization;

namespace Elt.Durable.Journal;

/// <summary>A filter as conditions of a statement over <c>runs</c>: what both stores say alike; each adds what it says in its own way.</summary>
/// <param name="time">How the store keeps a time.</param>
/// <param name="firstParameter">Number of the first parameter.</param>
internal sealed class RunConditions(Func<DateTimeOffset, object> time, int firstParameter = 1)
{
    /// <summary>The statuses that have an index of their own, spelled as the index does.</summary>
    private const string IsFailed = "status in ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')";

    private readonly List<string> _conditions = [];

    /// <summary>Values of the parameters.</summary>
    public List<object?> Values { get; } = [];

    /// <summary>The conditions with their keyword; empty when there are none.</summary>
    public string Where => _conditions.Count > 0 ? "where " + string.Join(" and ", _conditions) : "";

    /// <summary>The conditions with their keyword and one more.</summary>
    public string WhereAnd(string condition) => _conditions.Count > 0 ? $"{Where} and {condition}" : $"where {condition}";

    /// <summary>Adds a condition; <c>{0}</c>, <c>{1}</c>… stand for its values' parameters.</summary>
    public RunConditions Add(string condition, params object[] values)
    {
        var parameters = values.Select(value =>
        {
            Values.Add(value);
            return (object)$"${Values.Count + firstParameter - 1}";
        });
        _conditions.Add(string.Format(CultureInfo.InvariantCulture, condition, [.. parameters]));
        return this;
    }

    /// <summary>Adds what a filter says about columns that both stores compare alike.</summary>
    public RunConditions Add(RunFilter filter)
    {
        AddEqual("workflow", filter.Workflow);
        AddEqual("parent_id", filter.ParentId);
        AddEqual("queue", filter.Queue);
        AddEqual("schedule", filter.Schedule);
        if (filter.RootsOnly)
            Add("parent_id is null");
        AddTime("created_at >= {0}", filter.CreatedFrom);
        AddTime("created_at < {0}", filter.CreatedTo);
        AddTime("completed_at >= {0}", filter.CompletedFrom);
        AddTime("completed_at < {0}", filter.CompletedTo);
        AddHints(filter);
        return this;
    }

    /// <summary>Adds the place that a page begins after.</summary>
    public RunConditions AddPage(RunFilter filter) =>
        filter.After is { } after ? Add("(created_at, id) < ({0}, {1})", time(after.CreatedAt), after.Id) : this;

    /// <summary>What follows from the other conditions, said so that the stores find the index for it.</summary>
    private void AddHints(RunFilter filter)
    {
        if (filter.Statuses.Count > 0 && filter.Statuses.All(status => !status.IsFinal()))
            Add("completed_at is null");
        if (filter.MeansOnlyFailed)
            Add(IsFailed);
    }

    private void AddEqual(string column, string? value)
    {
        if (value is not null)
            Add($"{column} = {{0}}", value);
    }

    private void AddTime(string condition, DateTimeOffset? value)
    {
        if (value is { } given)
            Add(condition, time(given));
    }
}
