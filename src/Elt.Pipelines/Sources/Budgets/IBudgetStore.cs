using System.Data.Common;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Sources.Budgets;

/// <summary>
/// Keeps budgets where all processes that share them can see them: in the database of the connected integrations when that is Postgres, else, since there is
/// one process then, in the warehouse.
/// </summary>
internal interface IBudgetStore
{
    /// <summary>Reads and writes in one transaction; those of one scope follow one another.</summary>
    Task<T> WriteAsync<T>(string scope, Func<BudgetBook, Task<T>> body, CancellationToken ct);
}

/// <summary>Keeps budgets in the warehouse, by the clock of the process.</summary>
internal sealed class WarehouseBudgets(WarehouseFile warehouse, TimeProvider time) : IBudgetStore
{
    // The warehouse has one writer; commands on a file end before they return.
    public Task<T> WriteAsync<T>(string scope, Func<BudgetBook, Task<T>> body, CancellationToken ct) => warehouse.Database.WriteAsync(
        transaction => body(new BudgetBook(transaction, "", time.GetUtcNow().ToUnixTimeMilliseconds())).GetAwaiter().GetResult(), ct);
}
