using Elt.Service.Demo;

namespace Elt.Service.Tests;

/// <summary>Holds the demo provider: after so many pages of an integration, further requests wait until the gate is opened.</summary>
/// <param name="pages">Pages of each integration that pass.</param>
/// <param name="held">Requests that must be waiting before <see cref="Reached"/>.</param>
internal sealed class Gate(int pages, int held = 1)
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _abandoned = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<string, int> _asked = [];
    private int _waiting;

    /// <summary>Completes when the requests wait.</summary>
    public Task Reached => _reached.Task.WaitAsync(TimeSpan.FromMinutes(1), TimeProvider.System);

    /// <summary>Completes when those that waited have gone away: opened before that, the gate would let them pass.</summary>
    public Task Abandoned => _abandoned.Task.WaitAsync(TimeSpan.FromMinutes(1), TimeProvider.System);

    public void Open() => _opened.TrySetResult();

    /// <summary>Goes into <see cref="DemoProviderOptions.BeforeServe"/>.</summary>
    public async Task PassAsync(PageRequest request, CancellationToken ct)
    {
        lock (_asked)
        {
            var asked = _asked[request.Integration] = _asked.GetValueOrDefault(request.Integration) + 1;
            if (asked <= pages || _opened.Task.IsCompleted)
                return;
            if (++_waiting == held)
                _reached.TrySetResult();
        }
        try
        {
            await _opened.Task.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            lock (_asked)
            {
                if (--_waiting == 0)
                    _abandoned.TrySetResult();
            }
            throw;
        }
    }
}
