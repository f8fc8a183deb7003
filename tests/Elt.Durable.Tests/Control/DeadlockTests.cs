using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests.Control;

/// <summary>Postgres breaks a circle of locks by ending one transaction of it: which one is nothing that a caller should learn of.</summary>
[Trait("promise", "E14")]
public sealed class DeadlockTests : ControlSuite<PostgresStore>
{
    [Fact]
    public async Task A_change_from_outside_that_Postgres_ends_because_of_a_deadlock_happens_all_the_same()
    {
        var engine = await StartQuietEngineAsync();
        await engine.Client.StartAsync(Script("live", context => Hang(context, "work")), "live");
        await WithinPatienceAsync(Probe.Signal("work").Task);

        await NextChangeIsEndedAsync("update");
        Assert.True(await engine.Client.CancelAsync("live"));
        await NextChangeIsEndedAsync("update");
        Assert.True(await engine.Client.ResumeAsync("live"));
        await NextChangeIsEndedAsync("insert");
        var fork = await engine.Client.ForkAsync("live", new ForkOptions { WorkflowId = "fork" });
        Assert.Equal("live", (await engine.Client.FindAsync(fork))!.ForkedFrom);
        Assert.True(await engine.Client.CancelAsync("live"));
        await NextChangeIsEndedAsync("delete");
        Assert.True(await engine.Client.DeleteAsync("live"));
        Assert.Equal(4, Ended);
        Assert.Null(await engine.Client.FindAsync("live"));
    }

    private int Ended { get; set; }

    /// <summary>The next such statement fails as that of a deadlock's victim does. A sequence is not rolled back: the one after that does not fail.</summary>
    private async Task NextChangeIsEndedAsync(string operation)
    {
        await Store.ExecuteAsync(
            $"""
            create sequence ended_{++Ended};
            create function end_{Ended}() returns trigger language plpgsql as $$
            begin
              if nextval('durable.ended_{Ended}') = 1 then
                raise exception 'deadlock detected' using errcode = '40P01';
              end if;
              return null;
            end $$;
            create trigger end_{Ended} after {operation} on runs for each statement execute function end_{Ended}();
            """);
    }
}
