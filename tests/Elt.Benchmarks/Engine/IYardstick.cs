namespace Elt.Benchmarks.Engine;

/// <summary>The bare database doing what the engine does, and its own figures of what was done.</summary>
internal interface IYardstick : IAsyncDisposable
{
    /// <summary>Chooses the journal on this database.</summary>
    void Use(Durable.DurableBuilder durable);

    /// <summary>Inserts step rows with multi-row statements (or one transaction for many rows), a thousand at a time, and returns rows per second.</summary>
    Task<double> BatchRowsPerSecondAsync(int rows, CancellationToken ct);

    /// <summary>Inserts step rows one by one with a prepared statement, each its own commit, and returns the median in milliseconds.</summary>
    Task<double> SingleMedianAsync(int rows, CancellationToken ct);

    /// <summary>Commits that wrote and bytes of write-ahead log so far; null where the database does not say.</summary>
    Task<(long Commits, long WalBytes)?> ActivityAsync(CancellationToken ct);
}
