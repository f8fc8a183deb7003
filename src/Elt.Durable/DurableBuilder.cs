using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;
using Elt.Durable.Journal.Sqlite;
using Elt.Durable.Queues;
using Elt.Durable.Schedules;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace Elt.Durable;

/// <summary>Settings of the worker in this process.</summary>
public sealed record WorkerOptions
{
    /// <summary>Runs executed at the same time, runs that only wait not counted; at least 1. Default 100.</summary>
    public int MaxConcurrentRuns { get; set; } = 100;

    /// <summary>How often the journal is asked for due runs when nobody says that there are some. Default 3 s: two statements each time and the lease are less than one a second.</summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Whether the worker listens to the journal's notifications, which tell at once what the poll would find later. Default true; set it to false behind
    /// a pooler that gives each transaction another connection.
    /// </summary>
    public bool UseNotifications { get; set; } = true;

    /// <summary>
    /// How long the runs of a silent worker stay its own, by the journal's clock. A worker renews three times in it. Default 15 s, at least 1 s.
    /// </summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a run that only waits is kept in memory before it is parked. Default 10 s.</summary>
    public TimeSpan ParkAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a clean stop lets steps in flight finish. Default 10 s.</summary>
    public TimeSpan StopGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Worker losses that a run survives. Default 100.</summary>
    public int MaxRecoveryAttempts { get; set; } = 100;

    /// <summary>
    /// How long ended runs are kept. Older ones are deleted with all that belongs to them, some at a time and none that a live run can still ask for; their
    /// ids are free then. Default <see langword="null"/>: for ever.
    /// </summary>
    public TimeSpan? RetainFinished { get; set; }

    /// <summary>Largest input or result in bytes of UTF-8. Default 1 MiB.</summary>
    public int MaxPayloadBytes { get; set; } = 1024 * 1024;
}

/// <summary>Composes the engine: journal, workflows, queues, schedules.</summary>
public sealed class DurableBuilder
{
    internal DurableBuilder(IServiceCollection services) => Services = services;

    /// <summary>The host's services.</summary>
    public IServiceCollection Services { get; }

    internal WorkflowRegistry Workflows { get; } = new();

    internal List<QueueDefinition> Queues { get; } = [];

    internal List<ScheduleDefinition> Schedules { get; } = [];

    internal WorkerOptions Worker { get; } = new();

    internal bool HasWorker { get; private set; } = true;

    internal Func<JournalSettings, IJournal>? CreateJournal { get; private set; }

    /// <summary>Keeps the journal in a SQLite file. One process at a time; a second one is refused with a clear message.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    public DurableBuilder UseSqlite(string path)
    {
        CreateJournal = settings => new SqliteJournal(new SqliteStore(path, settings));
        return this;
    }

    /// <summary>Keeps the journal in Postgres 15 or later, in the schema <c>durable</c>. Any number of processes share it.</summary>
    /// <param name="connectionString">
    /// Npgsql key=value string. The engine's statements are prepared automatically; behind a pooler that cannot do that set <c>Max Auto Prepare=0</c>.
    /// One connection is kept to listen and, of a pool of three or more, one to commit.
    /// </param>
    /// <exception cref="ArgumentException"><c>Maximum Pool Size</c> is less than 2.</exception>
    public DurableBuilder UsePostgres(string connectionString)
    {
        var settled = new NpgsqlConnectionStringBuilder(connectionString);
        if (settled.MaxPoolSize < 2)
            throw new ArgumentException($"The journal keeps a connection to listen and needs another one: Maximum Pool Size must be 2 or more, it is {settled.MaxPoolSize}.", nameof(connectionString));
        if (!settled.ShouldSerialize("Max Auto Prepare"))
            settled.MaxAutoPrepare = 50;
        // What stands between does not forget a connection that rests, and one that is cut off is found to be.
        if (!settled.ShouldSerialize("TCP Keepalive"))
            (settled.TcpKeepAlive, settled.TcpKeepAliveTime) = (true, 60);
        // The engine leaves nothing behind in a session, so the reset that a pool would do before each use is a round trip for nothing.
        settled.NoResetOnClose = true;
        CreateJournal = settings => new PostgresJournal(new PostgresStore(NpgsqlDataSource.Create(settled), settings));
        return this;
    }

    /// <summary>Registers a workflow class; its name and version stand on its input record.</summary>
    /// <typeparam name="TWorkflow">A class derived from <see cref="Workflow{TInput, TResult}"/>; created by dependency injection per execution.</typeparam>
    public DurableBuilder AddWorkflow<TWorkflow>()
        where TWorkflow : class
    {
        Workflows.Add(typeof(TWorkflow));
        Services.TryAddTransient<TWorkflow>();
        return this;
    }

    /// <summary>Declares a queue that this process serves.</summary>
    /// <param name="name">Kebab-case name, at most 100 characters.</param>
    /// <param name="concurrency">Runs begun and not ended at the same time over all workers, parked ones included; default no limit.</param>
    /// <param name="workerConcurrency">Runs that one worker executes at the same time; default no limit.</param>
    /// <param name="keyConcurrency">As <paramref name="concurrency"/>, for the runs of each <see cref="StartOptions.QueueKey"/>; default no limit.</param>
    /// <param name="rateLimit">Starts per period over all workers; default no limit.</param>
    /// <remarks>Limits changed since by <see cref="QueueClient.SetLimitsAsync"/> stay, unless the declaration itself has changed.</remarks>
    /// <exception cref="ArgumentException">The name is blank or over 100 characters, a limit is below 1, or the period is not from a millisecond to a year.</exception>
    public DurableBuilder AddQueue(
        string name, int? concurrency = null, int? workerConcurrency = null, int? keyConcurrency = null, RateLimit? rateLimit = null)
    {
        Queues.Add(new QueueDefinition(
            name, new QueueLimits { Concurrency = concurrency, WorkerConcurrency = workerConcurrency, KeyConcurrency = keyConcurrency, RateLimit = rateLimit }));
        return this;
    }

    /// <summary>Declares a schedule. Each slot starts exactly one run over all workers: the run's id is <c>name/slot</c>.</summary>
    /// <param name="name">Kebab-case name.</param>
    /// <param name="cron">Five fields: minute, hour, day, month, day of week.</param>
    /// <param name="timeZone">IANA name, or <c>UTC</c>. Slots that daylight saving skips are run after the gap, doubled ones once.</param>
    /// <param name="input">Makes the input for a slot; the same for the same slot.</param>
    /// <param name="options">Overlap, catch-up, jitter, queue; default <see cref="ScheduleOptions"/>' defaults.</param>
    /// <exception cref="FormatException">The cron expression cannot be read.</exception>
    /// <exception cref="TimeZoneNotFoundException">There is no such zone.</exception>
    /// <exception cref="ArgumentException">The name is blank, over 100 characters, holds a <c>/</c> or is taken; or an option is out of its range.</exception>
    public DurableBuilder AddSchedule<TResult>(
        string name, string cron, string timeZone, Func<DateTimeOffset, IWorkflow<TResult>> input, ScheduleOptions? options = null)
    {
        if (Schedules.Exists(s => s.Name == name))
            throw new ArgumentException($"Schedule '{name}' is declared twice; give one of them another name.", nameof(name));
        Schedules.Add(new ScheduleDefinition(name, CronSchedule.Parse(cron, timeZone), slot => input(slot), options ?? new ScheduleOptions()));
        return this;
    }

    /// <summary>
    /// Executes and declares nothing in this process: it only offers the <see cref="WorkflowClient"/>. Runs can be started by their typed record without
    /// registering workflows; those that are registered can be started by name, and schedules that are added can be triggered. A journal in SQLite
    /// has one process only, so this is for Postgres in practice.
    /// </summary>
    public DurableBuilder WithoutWorker()
    {
        HasWorker = false;
        return this;
    }

    /// <summary>Changes the worker's settings.</summary>
    /// <param name="configure">Sets what differs from the defaults.</param>
    public DurableBuilder ConfigureWorker(Action<WorkerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(Worker);
        return this;
    }
}
