using Elt.Durable.Control;
using Elt.Durable.Journal;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Execution;

/// <summary>Drives one claimed run: load its history, run the workflow over it, record how it ended.</summary>
internal sealed class RunExecutor(IServiceScopeFactory scopes, WorkflowRegistry registry, ExecutionServices services, CompletionHub completions)
{
    private readonly ILogger _logger = services.Logger;

    /// <summary>Loads what the run has recorded.</summary>
    /// <param name="run">The run.</param>
    /// <param name="busyChanged">Tells when the run ceases (-1) or begins again (1) to take up a slot; it begins by taking one.</param>
    public async Task<RunExecution> BeginAsync(ClaimedRun run, Action<int> busyChanged)
    {
        var history = run.Epoch == 1 ? RunHistory.Empty : await services.Journal.ReadHistoryAsync(run.Id, CancellationToken.None).ConfigureAwait(false);
        if (run.Epoch == 1)
            Log.RunStarted(_logger, run.Id, run.Workflow);
        else
            Log.RunResumed(_logger, run.Id, run.Workflow, run.Epoch, history.Steps.Count);
        return new RunExecution(run, history, services, busyChanged);
    }

    /// <summary>Executes the run until it has ended or the execution must stop.</summary>
    /// <returns>The outcome in the parent's terms, when the run has a parent and ended here.</returns>
    public async Task<StepInfo?> RunAsync(ClaimedRun run, RunExecution execution)
    {
        using var activity = Telemetry.BeginRun(run);
        using var scope = _logger.BeginScope(new KeyValuePair<string, object>[] { new("RunId", run.Id), new("Workflow", run.Workflow) });
        if (await RunToOutcomeAsync(run, execution).ConfigureAwait(false) is not { } outcome)
            return null;
        Telemetry.EndRun(activity, outcome);
        return await EndAsync(run, execution, outcome).ConfigureAwait(false);
    }

    private async Task<RunOutcome?> RunToOutcomeAsync(ClaimedRun run, RunExecution execution)
    {
        if (run.Recoveries > services.Options.MaxRecoveryAttempts)
        {
            var error = new ErrorInfo("MaxRecoveryAttemptsExceeded", $"Its workers died {run.Recoveries} times. Resume it when the cause is found.", null);
            return new RunOutcome(RunStatus.MaxRecoveryAttemptsExceeded, null, error, services.Clock.Now);
        }
        if (run.DeadlineAt <= services.Clock.Now)
            return new RunOutcome(RunStatus.Cancelled, null, Cancellation.DeadlinePassed, services.Clock.Now);
        await using var scope = scopes.CreateAsyncScope();
        var workflow = registry.Find(new WorkflowReference(run.Workflow, run.Version))
            ?? throw new UnknownWorkflowException($"Run '{run.Id}' was claimed for '{run.Workflow}' version {run.Version}, which is not registered here.");
        var body = execution.Scheduler.Run(
            () => workflow.Invoke(scope.ServiceProvider, run.Input, new WorkflowContext(execution, execution.Root), services.Payloads));
        if (await Task.WhenAny(body, execution.Retired).ConfigureAwait(false) == body)
            return await OutcomeAsync(run, body, execution).ConfigureAwait(false);
        if (await execution.Retired.ConfigureAwait(false) == RunExecution.Retirement.Parked)
            Log.RunParked(_logger, run.Id, null);
        return null;
    }

    private async Task<RunOutcome> OutcomeAsync(ClaimedRun run, Task<string> body, RunExecution execution)
    {
        try
        {
            var output = await body.ConfigureAwait(false);
            return execution.NotAsked is { Count: > 0 } steps
                ? throw new JournalMismatchException(run.Id, steps)
                : new RunOutcome(RunStatus.Success, output, null, services.Clock.Now);
        }
        catch (Exception e)
        {
            return new RunOutcome(RunStatus.Error, null, ErrorInfo.From(e), services.Clock.Now);
        }
    }

    private async Task<StepInfo?> EndAsync(ClaimedRun run, RunExecution execution, RunOutcome outcome)
    {
        var end = new EndWrite(new RunKey(run.Id, run.Epoch, run.CreatedAt), run.ParentId, outcome);
        await services.Writer.CommitAsync(end).ConfigureAwait(false);
        if (end.Fenced)
        {
            Log.RunFenced(_logger, run.Id, $"its outcome {outcome.Status.ToText()} at epoch {run.Epoch} was refused");
            // Should the run be this worker's all the same, it is given back.
            execution.Retire(RunExecution.Retirement.Fenced);
            return null;
        }
        Telemetry.RunEnded(run, outcome);
        if (outcome.Error is { } error)
            Log.RunFailed(_logger, run.Id, run.Workflow, outcome.Status.ToText(), error.Message);
        else
            Log.RunEnded(_logger, run.ParentId is null ? LogLevel.Information : LogLevel.Debug, run.Id, run.Workflow, outcome.Status.ToText(), (outcome.CompletedAt - run.CreatedAt).TotalMilliseconds);
        completions.Ended(run.Id, outcome);
        return run.ParentId is null ? null : outcome.ToStepOf(run.ParentId, run.Id, run.CreatedAt);
    }
}
