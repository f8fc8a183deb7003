using Elt.Pipelines.Destinations;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Tests.Destinations;

public sealed class SqliteDestinationTests : DestinationTests
{
    private SqliteDestination _destination = null!;

    private protected override IDestination Destination => _destination;

    private protected override string RowVersion => "last_seq || ' ' || updated_at";

    private protected override string HistoryVersion => "coalesce(valid_to, '') || run_id";

    public override Task DisposeAsync()
    {
        _destination.Dispose();
        return base.DisposeAsync();
    }

    private protected override Task OpenAsync()
    {
        _destination = Create(new());
        return _destination.InitializeAsync();
    }

    private protected override void Use(DestinationOptions options)
    {
        _destination.Dispose();
        _destination = Create(options);
    }

    private SqliteDestination Create(DestinationOptions options) =>
        new(Workshop.File("destination.db"), Workshop.Warehouse, Dataset.Users, Workshop.Thresholds, options, TimeProvider.System);

    private protected override Task<SyncSummary> SyncAsync(string runId, IntegrationKey? integration = null) =>
        _destination.Database.WriteAsync(transaction => _destination.Sync(transaction, integration ?? Workshop.Okta, runId), default);

    private protected override async Task<string[]> RowsAsync(string sql)
    {
        if (sql.StartsWith("select", StringComparison.Ordinal))
            return Workshop.Rows(_destination.Database, sql);
        await _destination.Database.WriteAsync(transaction => transaction.Execute(sql), default);
        return [];
    }
}
