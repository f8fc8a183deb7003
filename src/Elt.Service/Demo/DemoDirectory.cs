namespace Elt.Service.Demo;

/// <summary>What to change in an integration's data, in numbers of users; no user is touched twice by one change.</summary>
internal sealed record DemoChange
{
    public required string Organization { get; init; }

    public required string Integration { get; init; }

    /// <summary>New users, after the last one.</summary>
    public int Add { get; init; }

    /// <summary>Users that get another name (and an email that follows it).</summary>
    public int Change { get; init; }

    public int Remove { get; init; }

    /// <summary>Users whose email becomes null.</summary>
    public int NullEmails { get; init; }

    /// <summary>Users without an email that get one.</summary>
    public int FillEmails { get; init; }
}

/// <summary>Ids of the users that a change touched.</summary>
internal sealed record DemoChanged(
    int Total,
    IReadOnlyList<string> Added,
    IReadOnlyList<string> Changed,
    IReadOnlyList<string> Removed,
    IReadOnlyList<string> NulledEmails,
    IReadOnlyList<string> FilledEmails);

/// <summary>One page, as the API shows it.</summary>
internal sealed record DemoPage(int Page, int PageSize, int Total, int TotalPages, IReadOnlyList<DemoUser> Users);

/// <summary>The users of one integration and what was changed in them. A change never tears a page: each sees all of it or nothing.</summary>
internal sealed class DemoDirectory(DemoUsers users, int count, int seed)
{
    private readonly Lock _gate = new();
    private State _state = new([.. Enumerable.Range(1, count)], [], NextIndex: count + 1, Changes: 0);

    public DemoPage Page(int page, int pageSize)
    {
        var state = Volatile.Read(ref _state);
        var total = state.Live.Length;
        var begin = (int)Math.Min((long)(page - 1) * pageSize, total);
        var shown = state.Live.AsSpan(begin, Math.Min(pageSize, total - begin));
        var made = new List<DemoUser>(shown.Length);
        foreach (var index in shown)
            made.Add(users.Make(index, state.RevisionOf(index)));
        return new DemoPage(page, pageSize, total, (total + pageSize - 1) / pageSize, made);
    }

    /// <exception cref="ArgumentException">There are not enough users for the change.</exception>
    public DemoChanged Apply(DemoChange change)
    {
        lock (_gate)
        {
            var state = _state;
            var left = new Queue<int>(Shuffled(state));
            var removed = Take(left, change.Remove, "remove", _ => true);
            var changed = Take(left, change.Change, "change", _ => true);
            var nulled = Take(left, change.NullEmails, "null_emails", index => HasEmail(state, index));
            var filled = Take(left, change.FillEmails, "fill_emails", index => !HasEmail(state, index));
            var added = Enumerable.Range(state.NextIndex, change.Add).ToArray();

            var revisions = new Dictionary<int, DemoRevision>(state.Revisions);
            foreach (var index in changed)
                revisions[index] = state.RevisionOf(index) with { Name = state.RevisionOf(index).Name + 1 };
            foreach (var index in nulled.Concat(filled))
                revisions[index] = state.RevisionOf(index) with { HasEmail = !HasEmail(state, index) };
            var gone = removed.ToHashSet();
            var live = state.Live.Where(index => !gone.Contains(index)).Concat(added).ToArray();
            Volatile.Write(ref _state, new State(live, revisions, state.NextIndex + change.Add, state.Changes + 1));
            return new DemoChanged(live.Length, Ids(added), Ids(changed), Ids(removed), Ids(nulled), Ids(filled));
        }
    }

    private int[] Shuffled(State state)
    {
        var order = (int[])state.Live.Clone();
        new Random(unchecked((seed * 31) + state.Changes)).Shuffle(order);
        return order;
    }

    private static int[] Take(Queue<int> left, int count, string what, Func<int, bool> fits)
    {
        var taken = new List<int>(count);
        for (var looked = left.Count; taken.Count < count && looked > 0; looked--)
        {
            var index = left.Dequeue();
            if (fits(index))
                taken.Add(index);
            else
                left.Enqueue(index);
        }
        return taken.Count == count
            ? [.. taken.Order()]
            : throw new ArgumentException($"{what} is {count}, but only {taken.Count} users are left that fit.");
    }

    private bool HasEmail(State state, int index) => users.Make(index, state.RevisionOf(index)).Email is not null;

    private string[] Ids(IEnumerable<int> indexes) => [.. indexes.Select(index => users.Make(index, default).Id)];

    private sealed record State(int[] Live, Dictionary<int, DemoRevision> Revisions, int NextIndex, int Changes)
    {
        public DemoRevision RevisionOf(int index) => Revisions.GetValueOrDefault(index);
    }
}
