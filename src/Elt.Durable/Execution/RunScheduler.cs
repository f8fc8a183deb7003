namespace Elt.Durable.Execution;

/// <summary>
/// Runs a workflow's continuations one at a time on the thread pool, in the order they became ready: workflow code
/// needs no locks, although its branches run in parallel.
/// </summary>
internal sealed class RunScheduler : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _ready = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _pumping;

    /// <summary>Completes the first time that nothing is ready to run.</summary>
    public Task Drained => _drained.Task;

    public override void Post(SendOrPostCallback d, object? state)
    {
        lock (_ready)
        {
            _ready.Enqueue((d, state));
            if (_pumping)
                return;
            _pumping = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(static scheduler => scheduler.Pump(), this, preferLocal: true);
    }

    public override void Send(SendOrPostCallback d, object? state) =>
        throw new NotSupportedException("Workflow code must await, not block: use the WorkflowContext's methods.");

    /// <summary>Starts a body on this scheduler.</summary>
    public Task<T> Run<T>(Func<Task<T>> body)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        // With the log scope and activity of its run, which Post does not pass on.
        var context = ExecutionContext.Capture();
        Post(
            _ =>
            {
                if (context is null)
                    Begin();
                else
                    ExecutionContext.Run(context, _ => Begin(), null);
            },
            null);
        return completion.Task;

        async void Begin()
        {
            try
            {
                completion.TrySetResult(await body());
            }
            catch (Exception e)
            {
                completion.TrySetException(e);
            }
        }
    }

    private void Pump()
    {
        var outer = Current;
        SetSynchronizationContext(this);
        try
        {
            while (true)
            {
                (SendOrPostCallback Callback, object? State) next;
                lock (_ready)
                {
                    if (!_ready.TryDequeue(out next))
                    {
                        _pumping = false;
                        _drained.TrySetResult();
                        return;
                    }
                }
                next.Callback(next.State);
            }
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }
}
