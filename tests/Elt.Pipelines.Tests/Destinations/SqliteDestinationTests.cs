using Elt.Pipelines.Destinations;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

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

    [Theory]
    [InlineData(DeleteMode.Hard)]
    [InlineData(DeleteMode.Soft)]
    [Trait("promise", "P12")]
    public async Task No_statement_reads_all_rows_to_find_one(DeleteMode mode)
    {
        var sql = new SqliteDestinationSql(Dataset.Users, new DestinationOptions { DeleteMode = mode });
        string[] statements =
        [
            sql.FindChanged, sql.CountSurplus, sql.FindSurplus, sql.Remove, sql.Upsert, sql.Tell,
            sql.CloseVersions(everything: false), sql.OpenVersions(everything: false), sql.CloseVersions(everything: true), sql.OpenVersions(everything: true),
        ];
        string[] names = ["$org", "$integration", "$run", "$seq", "$now", "$last_change"];

        var plans = await _destination.Database.WriteAsync(
            transaction =>
            {
                transaction.Execute(sql.CreateIncoming);
                return statements.Select(statement => transaction.Query(
                    "explain query plan " + statement, row => row.GetString(3), [.. names.Select(name => (name, (object?)"1"))])).ToList();
            },
            default);

        Assert.All(plans.SelectMany(plan => plan), line => Assert.DoesNotMatch("SCAN TABLE users|AUTOMATIC", line));
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
