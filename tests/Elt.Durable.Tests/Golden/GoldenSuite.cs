using System.Data.Common;
using Elt.Durable.Ledger;
using Elt.Durable.Tests.Suite;
using Microsoft.Extensions.DependencyInjection;

namespace Elt.Durable.Tests.Golden;

/// <summary>Engines that execute the golden workflows; the transactional ones write into the journal's own database.</summary>
public abstract class GoldenSuite<TStore, TTransaction> : EngineSuite<TStore>
    where TStore : IStore, new()
    where TTransaction : DbTransaction
{
    /// <summary>Name of the store in the names of the dumps.</summary>
    protected static string StoreName => typeof(TStore).Name[..^"Store".Length].ToLowerInvariant();

    /// <summary>The journal's database for transactional steps.</summary>
    protected abstract TransactionalDatabase<TTransaction> OpenTarget();

    /// <summary>The store as a script that makes it anew.</summary>
    private protected abstract Task<string> DumpAsync();

    /// <summary>Registers the golden workflows.</summary>
    /// <param name="durable">The engine.</param>
    /// <param name="world">What their steps do.</param>
    /// <param name="afterPaying">Called by the transactional step of a run before it commits.</param>
    private protected void UseWorld(DurableBuilder durable, GoldenWorld world, Action<string>? afterPaying = null)
    {
        var target = OpenTarget();
        world.PayAsync = (context, step) => context.TransactionAsync("pay", target, async (transaction, ct) =>
        {
            await using var command = transaction.Connection!.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = $"insert into {EffectsTable} (run) values ('{context.WorkflowId}')";
            await command.ExecuteNonQueryAsync(ct);
            var result = await world.StepAsync(step, ct);
            afterPaying?.Invoke(context.WorkflowId);
            return result;
        });
        durable.Services.AddSingleton(world);
        durable.AddWorkflow<GoldenStepsWorkflow>().AddWorkflow<GoldenSleepWorkflow>().AddWorkflow<GoldenRetryWorkflow>().AddWorkflow<GoldenFamilyWorkflow>()
            .AddWorkflow<GoldenChildWorkflow>().AddWorkflow<GoldenMapWorkflow>().AddWorkflow<GoldenPaymentWorkflow>()
            .AddQueue("golden-queue", concurrency: 1);
    }

    /// <summary>Name of the table of effects, as a connection without settings finds it.</summary>
    protected abstract string EffectsTable { get; }
}
