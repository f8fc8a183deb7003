using Elt.Durable.Execution;
using Elt.Durable.Hosting;
using Elt.Durable.Journal;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Elt.Durable.Testing;

/// <summary>
/// The engine for tests of workflows: a fresh journal in a temporary SQLite file, a clock that only moves when the test says so, and a process that
/// dies at a commit of the test's choice and begins again on the same journal.
/// </summary>
/// <example>
/// <code>
/// await using var host = await DurableTestHost.StartAsync(durable => durable.AddWorkflow&lt;InvoiceWorkflow&gt;());
/// host.CrashAfter("charge");
/// await host.Client.StartAsync(new Invoice("A-1"), "invoice-A-1");
/// await host.Crashed;
/// await host.RestartAsync();
/// await host.AdvanceAsync(TimeSpan.FromDays(30));
/// </code>
/// </example>
public sealed class DurableTestHost : IAsyncDisposable
{
    /// <summary>
    /// How often the clock looks whether steps at work have ended, before it moves on: a step may itself wait for the clock. Most looks are a
    /// millisecond apart; on a busy machine, where steps take longer, they are further apart too.
    /// </summary>
    private const int LooksAtSteps = 3000;

    /// <summary>How often the clock looks whether the engine itself has come to rest.</summary>
    private const int LooksAtEngine = 20_000;

    /// <summary>Looks without a pause: most often the engine rests after a few.</summary>
    private const int LooksAtOnce = 200;

    private readonly Action<DurableBuilder> _configure;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("durable-test-");
    private ServiceProvider _services;
    private CrashingJournal? _journal;

    private DurableTestHost(Action<DurableBuilder> configure, DateTimeOffset start)
    {
        _configure = configure;
        Time = new ManualTimeProvider(start);
        _services = Build();
    }

    /// <summary>The clock of journal, worker and workflows; give it to your own services too.</summary>
    public ManualTimeProvider Time { get; }

    /// <summary>Starts runs and looks at them; a new one after <see cref="RestartAsync"/>.</summary>
    public WorkflowClient Client => _services.GetRequiredService<WorkflowClient>();

    /// <summary>The services of the present process.</summary>
    public IServiceProvider Services => _services;

    /// <summary>Completes when the crash that was asked for has happened.</summary>
    public Task Crashed => _journal!.Crashed;

    /// <summary>Starts an engine on a fresh journal.</summary>
    /// <param name="configure">Registers workflows, queues, schedules and services; the journal is chosen already.</param>
    /// <param name="start">Where the clock begins; default 2026-01-01, 00:00 UTC.</param>
    public static async Task<DurableTestHost> StartAsync(Action<DurableBuilder> configure, DateTimeOffset? start = null)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var host = new DurableTestHost(configure, start ?? new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await host.Hosted.StartAsync(CancellationToken.None).ConfigureAwait(false);
        return host;
    }

    /// <summary>
    /// Moves the clock, timer by timer, and lets the engine do all that became due before it moves on: sleeps end, retries happen, schedules fire.
    /// </summary>
    /// <param name="by">How far; not negative.</param>
    public Task AdvanceAsync(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        var target = Time.GetUtcNow() + by;
        // Off the test's own context, so that whoever waited for a timer goes on within the call that fires it, and is not overlooked.
        return Task.Run(async () =>
        {
            do
                await SettleAsync().ConfigureAwait(false);
            while (Time.FireNext(target));
        });
    }

    /// <summary>The process dies before it commits the result of a step: the step was executed, nobody knows.</summary>
    /// <param name="step">Key of the step.</param>
    public void CrashBefore(string step) => _journal!.CrashAtStep(step, afterCommit: false);

    /// <summary>The process dies right after it committed the result of a step, before the workflow sees it.</summary>
    /// <param name="step">Key of the step.</param>
    public void CrashAfter(string step) => _journal!.CrashAtStep(step, afterCommit: true);

    /// <summary>Ends the process as it is, crashed or not, and begins a new one on the same journal.</summary>
    public async Task RestartAsync()
    {
        await KillAsync().ConfigureAwait(false);
        _services = Build();
        await Hosted.StartAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>
    /// Has the workflow of today follow a run that was recorded earlier, by other code perhaps: nothing is executed, nothing is written. The recorded
    /// version of the workflow must be registered.
    /// </summary>
    /// <param name="recorded">The run, read from another journal or a file.</param>
    /// <exception cref="UnknownWorkflowException">The workflow is not registered in this version.</exception>
    public async Task<ReplayedRun> ReplayAsync(RecordedRun recorded)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        var run = recorded.Run;
        var reference = new WorkflowReference(run.Workflow, run.Version);
        var workflow = _services.GetRequiredService<WorkflowRegistry>().Find(reference) ?? throw new UnknownWorkflowException($"Workflow '{reference}' is not registered.");
        var notRecorded = new List<string>();
        // All sleeps are over, and what was recorded is all that has happened.
        var services = _services.GetRequiredService<ExecutionServices>() with
        {
            Clock = new JournalClock(new ManualTimeProvider(DateTimeOffset.MaxValue)),
            Unrecorded = notRecorded.Add,
        };
        var claimed = new ClaimedRun
        {
            Id = run.Id, Workflow = run.Workflow, Version = run.Version, Input = run.Input, Epoch = run.Epoch, Recoveries = 0, WakeCount = 0, ParentId = run.ParentId,
            CreatedAt = run.CreatedAt,
        };
        var execution = new RunExecution(claimed, new RunHistory(0, recorded.Steps, [], []), services, _ => { });
        await using var scope = _services.CreateAsyncScope();
        var body = execution.Scheduler.Run(() => workflow.Invoke(scope.ServiceProvider, run.Input, new WorkflowContext(execution, execution.Root), services.Payloads));
        await execution.Scheduler.Drained.ConfigureAwait(false);
        execution.Retire(RunExecution.Retirement.Stopped);
        return body.IsFaulted
            ? new ReplayedRun(recorded, RunStatus.Error, null, ErrorInfo.From(body.Exception!.InnerException!), notRecorded, execution.NotAsked)
            : new ReplayedRun(recorded, body.IsCompleted ? RunStatus.Success : null, body.IsCompleted ? await body.ConfigureAwait(false) : null, null, notRecorded, execution.NotAsked);
    }

    /// <summary>Ends the process and deletes the journal.</summary>
    public async ValueTask DisposeAsync()
    {
        await KillAsync().ConfigureAwait(false);
        _folder.Delete(recursive: true);
    }

    private IHostedService Hosted => _services.GetServices<IHostedService>().OfType<WorkerService>().Single();

    private ServiceProvider Build()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(Time);
        services.AddDurable(durable =>
        {
            // The clock stands still while a process is down, so no lease can run out; the worker knows what is due and needs no poll.
            durable.UseSqlite(Path.Combine(_folder.FullName, "journal.db"));
            durable.ConfigureWorker(worker => (worker.PollInterval, worker.Lease) = (TimeSpan.FromDays(3650), TimeSpan.FromDays(36500)));
            _configure(durable);
        });
        services.Replace(ServiceDescriptor.Singleton(new JournalSettings(Time)));
        var journal = services.Single(s => s.ServiceType == typeof(IJournal));
        services.Replace(ServiceDescriptor.Singleton(provider =>
        {
            _journal = CrashingJournal.Around((IJournal)journal.ImplementationFactory!(provider));
            return _journal.Journal;
        }));
        return services.BuildServiceProvider();
    }

    private async Task KillAsync()
    {
        _journal?.Crash();
        _services.GetRequiredService<WorkerOptions>().StopGrace = TimeSpan.Zero;
        try
        {
            await Hosted.StopAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (ProcessCrashedException)
        {
            // Nobody is left to give the runs back: the next process finds them.
        }
        await _services.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Waits until nothing happens any more without time passing. Steps at work get some real time, for they may wait for the clock.</summary>
    private async Task SettleAsync()
    {
        var worker = _services.GetRequiredService<Worker>();
        for (var looks = 0; !worker.IsSettled && !Crashed.IsCompleted && looks < (worker.Busy > 0 ? LooksAtSteps : LooksAtEngine); looks++)
        {
            if (looks < LooksAtOnce)
                await Task.Yield();
            else
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System).ConfigureAwait(false);
        }
    }
}
