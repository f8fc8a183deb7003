using Elt.Durable.Journal;

namespace Elt.Durable.Execution;

/// <summary>Children and maps.</summary>
internal sealed partial class RunExecution
{
    internal async Task<T> ChildAsync<T>(Scope scope, IWorkflow<T> input, string? name, string? queue, string? queueKey, TimeSpan? timeout)
    {
        var child = await StartChildAsync(scope, input, name, queue, queueKey, timeout);
        return await child.ResultAsync();
    }

    internal async Task<ChildHandle<T>> StartChildAsync<T>(Scope scope, IWorkflow<T> input, string? name, string? queue, string? queueKey = null, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        StartOptions.ValidateKey(queue, queueKey);
        var workflow = WorkflowReference.Of(input.GetType());
        var operation = await BeginAsync(scope.KeyOfChild(name, workflow.Name));
        try
        {
            var childId = $"{Id}/{operation.Key}";
            if (operation.Recorded is null && !IsStarted(childId))
                await StartAsync(childId, workflow, input, queue, queueKey, timeout);
            return new ChildHandle<T>(childId, () => ChildResultAsync<T>(scope, childId, operation.Key));
        }
        finally
        {
            End(operation);
        }
    }

    internal async Task<IReadOnlyList<TResult>> MapAsync<TItem, TResult>(
        Scope scope, IEnumerable<TItem> items, Func<TItem, string> name, Func<TItem, WorkflowContext, Task<TResult>> run, int maxParallel, MapFailure onFailure)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxParallel, 1);
        var scopes = BeginScopes(scope, items, name);
        var results = new TResult[scopes.Count];
        var failures = new SortedDictionary<int, Exception>();
        var next = 0;

        // Lanes share these variables without locks: continuations of a workflow run one at a time.
        async Task LaneAsync()
        {
            while (next < scopes.Count && (failures.Count == 0 || onFailure == MapFailure.CollectAll))
            {
                var index = next++;
                try
                {
                    results[index] = await run(scopes[index].Item, new WorkflowContext(this, scopes[index].Scope));
                }
                catch (Exception e)
                {
                    failures.Add(index, e);
                }
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Math.Min(maxParallel, scopes.Count)).Select(_ => LaneAsync()));
        scope.Now = scopes.Select(s => s.Scope.Now).Append(scope.Now).Max();
        return failures.Count == 0 ? results : throw MapFailed(scopes.ConvertAll(s => s.Scope.Path), failures, onFailure);
    }

    private Exception MapFailed(List<string> scopes, SortedDictionary<int, Exception> failures, MapFailure onFailure)
    {
        if (onFailure == MapFailure.CollectAll)
            return new MapFailedException([.. failures.Select(f => KeyValuePair.Create(scopes[f.Key], f.Value))], scopes.Count);
        lock (_gate)
            scopes.ForEach(_history.Forgive);
        return failures.First().Value;
    }

    private List<(TItem Item, Scope Scope)> BeginScopes<TItem>(Scope scope, IEnumerable<TItem> items, Func<TItem, string> name)
    {
        var named = items.Select(item => (Item: item, Key: scope.KeyOf(name(item)))).ToList();
        if (named.GroupBy(i => i.Key).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new DuplicateStepNameException(twice.Key);
        lock (_gate)
            return named.ConvertAll(i => (i.Item, new Scope(NextScope(i.Key), scope.Now)));
    }

    /// <summary>Path for the next use of a scope's name. Not reserved as a key: an unnamed child in the scope takes it.</summary>
    private string NextScope(string path)
    {
        var use = _scopeUses[path] = _scopeUses.GetValueOrDefault(path) + 1;
        return use == 1 ? path : $"{path}#{use}";
    }

    private readonly Dictionary<string, int> _scopeUses = [];

    private bool IsStarted(string childId)
    {
        lock (_gate)
            return _history.IsStarted(childId);
    }

    private async Task StartAsync<T>(string childId, WorkflowReference workflow, IWorkflow<T> input, string? queue, string? queueKey, TimeSpan? timeout)
    {
        var start = await _services.Starter.StartAsync(new NewRun
        {
            Id = childId,
            Workflow = workflow,
            Input = Payloads.Write(input, "Input of workflow", workflow.Name),
            Queue = queue,
            QueueKey = queueKey,
            Parent = _key,
            DeadlineAt = _deadlineAt,
            Timeout = timeout,
        }).ConfigureAwait(false);
        if (start.Fenced)
            await LoseAsync($"The start of child '{childId}'").ConfigureAwait(false);
        if (start.Existing is { } existing && existing.ParentId != Id)
            throw new WorkflowConflictException($"The id '{childId}' of a child is taken by a run that this run did not start. Give the child another name.");
        if (start.Existing is { CompletedAt: { } completedAt } ended)
        {
            lock (_gate)
                Deliver(new RunOutcome(ended.Status, ended.Output, ended.Error, completedAt).ToStepOf(Id, childId, ended.CreatedAt));
        }
    }

    private async Task<T> ChildResultAsync<T>(Scope scope, string childId, string key)
    {
        lock (_gate)
        {
            _working++;
            UpdateWaiting();
        }
        try
        {
            var outcome = await WaitForChildAsync(key);
            scope.Now = outcome.CompletedAt;
            return outcome.Status == RunStatus.Success
                ? Payloads.Read<T>(outcome.Result!, "Result of workflow", childId)
                : throw new WorkflowFailedException(childId, outcome.Status, outcome.Error!);
        }
        finally
        {
            lock (_gate)
            {
                _working--;
                UpdateWaiting();
            }
        }
    }
}
