using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Elt.Durable;
using Elt.Durable.Journal;
using Elt.Durable.Ledger;
using Elt.Durable.Testing;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using SQLitePCL;

namespace Elt.Pipelines.Tests.Crashes;

/// <summary>Where a process dies.</summary>
/// <param name="Commit">At a commit of warehouse or destination; else at a call to the journal.</param>
/// <param name="Number">Which of them, counted from when the process is ready.</param>
/// <param name="After">What was asked for is done, and nobody learns of it.</param>
internal sealed record CrashPoint(bool Commit, int Number, bool After)
{
    public override string ToString() => $"{(After ? "after" : "before")} {(Commit ? "commit" : "call")} {Number}";
}

/// <summary>
/// A process of the service, without its API, that dies where it is told: from then on no call to the journal gets through, no commit of warehouse or
/// destination, and no request to a source. In a Postgres destination a sync that the death cut off leaves nothing, and one that it did not is what the
/// death before the next call to the journal finds.
/// </summary>
internal sealed class MortalProcess : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly ConcurrentQueue<int> _fetched;
    private CrashingJournal _journal = null!;
    private CrashPoint? _point;
    private int _commits;

    private MortalProcess(Place place, ConcurrentQueue<int> fetched)
    {
        _fetched = fetched;
        _services = Build(place);
        Get<IJournal>();
    }

    public Task Crashed => _journal.Crashed;

    public WorkflowClient Client => Get<WorkflowClient>();

    /// <param name="place">Where its data is.</param>
    /// <param name="fetched">Gets the number of each page that it asks a source for.</param>
    public static async Task<MortalProcess> StartAsync(Place place, ConcurrentQueue<int>? fetched = null)
    {
        var process = new MortalProcess(place, fetched ?? new());
        process.Watch(process.Get<WarehouseFile>().Database);
        if (process.Get<IDestination>() is SqliteDestination destination)
            process.Watch(destination.Database);
        await process.Get<PipelineDatabases>().InitializeAsync();
        foreach (var service in process.Hosted)
            await service.StartAsync(CancellationToken.None);
        return process;
    }

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public void CrashAt(CrashPoint point)
    {
        if (point.Commit)
            Volatile.Write(ref _point, point);
        else
            _journal.CrashAt(point.Number, point.After);
    }

    /// <summary>Ends it as a kill does, unless it is dead already.</summary>
    public async Task KillAsync()
    {
        _journal.Crash();
        Get<WorkerOptions>().StopGrace = TimeSpan.Zero;
        await DisposeAsync();
    }

    /// <summary>Stops it cleanly, if it lives.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (var service in Hosted)
                await service.StopAsync(CancellationToken.None);
        }
        catch (ProcessCrashedException)
        {
            // Nobody is left to give the runs back: the next process finds them.
        }
        await _services.DisposeAsync();
    }

    private IEnumerable<IHostedService> Hosted => _services.GetServices<IHostedService>();

    private ServiceProvider Build(Place place)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddDurable(durable =>
            (place.Postgres is { } postgres ? durable.UsePostgres(postgres) : durable.UseSqlite(place.File("journal.db"))).AddPipelines(new PipelineOptions
            {
                ScheduleCron = null,
                WarehousePath = place.File("warehouse.db"),
                IntegrationsPath = place.Postgres is null ? place.File("journal.db") : null,
                IntegrationsConnectionString = place.Postgres,
                DestinationPath = place.Postgres is null ? place.File("destination.db") : null,
                DestinationConnectionString = place.Postgres,
                Source = new SourceOptions { AllowPrivateAddresses = true },
                Deletes = new DeleteThresholds { MinRows = 2, MaxShare = 0.1 },
            }));
        services.AddSingleton<ISource>(provider => new MortalSource(ActivatorUtilities.CreateInstance<ConnectedSource>(provider), this));
        var journal = services.Single(service => service.ServiceType == typeof(IJournal));
        services.Replace(ServiceDescriptor.Singleton(provider =>
        {
            _journal = CrashingJournal.Around((IJournal)journal.ImplementationFactory!(provider));
            return _journal.Journal;
        }));
        return services.BuildServiceProvider();
    }

    /// <summary>Has each connection ask before each COMMIT whether it may; one that may not rolls back.</summary>
    private void Watch(SqliteDatabase database)
    {
        var opened = WhenOpened(database);
        WhenOpened(database) = connection =>
        {
            opened?.Invoke(connection);
            raw.sqlite3_set_authorizer(connection.Handle, MayCommit, null);
        };
    }

    private int MayCommit(object _, int action, utf8z operation, utf8z arguments, utf8z database, utf8z trigger) =>
        action != raw.SQLITE_TRANSACTION || operation.utf8_to_string() != "COMMIT" || MayCommit() ? raw.SQLITE_OK : raw.SQLITE_DENY;

    private bool MayCommit()
    {
        if (Crashed.IsCompleted)
            return false;
        if (Volatile.Read(ref _point) is not { } point || Interlocked.Increment(ref _commits) != point.Number)
            return true;
        _journal.Crash();
        return point.After;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_whenOpened")]
    private static extern ref Action<SqliteConnection>? WhenOpened(SqliteDatabase database);

    private sealed class MortalSource(ISource source, MortalProcess process) : ISource
    {
        public Task<SourcePage> FetchAsync(PageRequest request, CancellationToken ct)
        {
            if (process.Crashed.IsCompleted)
                throw new ProcessCrashedException();
            process._fetched.Enqueue(request.Page);
            return source.FetchAsync(request, ct);
        }
    }
}
