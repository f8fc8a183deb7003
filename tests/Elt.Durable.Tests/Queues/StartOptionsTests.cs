using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Queues;

[Trait("promise", "E11")]
public sealed class StartOptionsTests : EngineSuite<SqliteStore>
{
    public static TheoryData<StartOptions, string> Contradictions => new()
    {
        { new StartOptions { QueueKey = "k" }, "QueueKey without a queue" },
        { new StartOptions { DeduplicationId = "d" }, "DeduplicationId without a queue" },
        { new StartOptions { Priority = 1 }, "priority 1 without a queue" },
        { new StartOptions { Delay = TimeSpan.FromSeconds(-1) }, "zero or more" },
        { new StartOptions { Queue = "wide", OnDuplicate = DuplicatePolicy.Attach }, "only with a deduplication id" },
        { new StartOptions { Queue = "wide", QueueKey = " " }, "QueueKey has 1 to 200" },
        { new StartOptions { Queue = "wide", DeduplicationId = new string('d', 201) }, "this one has 201" },
    };

    [Theory]
    [MemberData(nameof(Contradictions))]
    public async Task Options_that_contradict_each_other_are_refused_and_say_why(StartOptions options, string reason)
    {
        var engine = await StartEngineAsync();
        var error = await Assert.ThrowsAsync<ArgumentException>(() => engine.Client.StartAsync(new Sequence(1), "refused", options));
        Assert.Contains(reason, error.Message);
        Assert.Null(await engine.Client.FindAsync("refused"));
    }

    [Fact]
    public async Task Limits_below_one_are_refused_and_name_the_queue()
    {
        var engine = await StartEngineAsync();
        foreach (var limits in new[]
        {
            new QueueLimits { Concurrency = 0 }, new QueueLimits { WorkerConcurrency = -1 }, new QueueLimits { KeyConcurrency = 0 },
            new QueueLimits { RateLimit = new RateLimit(0, TimeSpan.FromSeconds(1)) }, new QueueLimits { RateLimit = new RateLimit(1, TimeSpan.Zero) },
        })
        {
            var error = await Assert.ThrowsAsync<ArgumentException>(() => engine.Client.Queues.SetLimitsAsync("wide", limits));
            Assert.Contains("'wide'", error.Message);
        }
    }
}
