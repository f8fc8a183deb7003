using Elt.Pipelines.Extract;
using Elt.Pipelines.Sources;
using Xunit;

namespace Elt.Pipelines.Tests.Extract;

[Trait("promise", "P10")]
public sealed class PageRetryTests
{
    [Fact]
    public void A_network_error_is_tried_five_times_more_at_doubling_delays() =>
        Assert.Equal([1, 2, 4, 8, 16, null], Delays(new SourceException(SourceErrorClass.Network, ""), 6));

    [Fact]
    public void A_timeout_is_tried_three_times_more() =>
        Assert.Equal([2, 4, 8, null], Delays(new SourceException(SourceErrorClass.Timeout, ""), 4));

    [Fact]
    public void A_rate_limit_waits_three_times_as_long_as_stated() =>
        Assert.Equal([7, 7, 7, null], Delays(new SourceException(SourceErrorClass.RateLimit, "", TimeSpan.FromSeconds(7)), 4));

    [Fact]
    public void A_stated_wait_is_capped() =>
        Assert.Equal([900], Delays(new SourceException(SourceErrorClass.RateLimit, "", TimeSpan.FromDays(30)), 1));

    [Theory]
    [InlineData(SourceErrorClass.Data)]
    [InlineData(SourceErrorClass.Auth)]
    [InlineData(SourceErrorClass.Permanent)]
    public void Errors_that_do_not_pass_by_themselves_are_not_tried_again(SourceErrorClass errorClass) =>
        Assert.Equal([null], Delays(new SourceException(errorClass, ""), 1));

    [Fact]
    public void A_database_that_is_away_has_a_budget_of_its_own()
    {
        var delays = Delays(new IOException(), 20);

        Assert.Equal([0.05, 0.1, 0.2], delays[..3]);
        Assert.Equal((5.0, null), (delays[18], delays[19]));
    }

    [Fact]
    public void Each_class_has_its_own_budget()
    {
        var policy = new PageRetry(new SourceOptions()).Policy with { Jitter = 0 };
        for (var attempt = 1; attempt <= 8; attempt += 2)
        {
            Assert.NotNull(policy.NextDelay(new SourceException(SourceErrorClass.Network, ""), attempt, new Random(1)));
            Assert.NotNull(policy.NextDelay(new IOException(), attempt + 1, new Random(1)));
        }
    }

    [Fact]
    public void A_programming_error_is_not_tried_again() => Assert.Equal([null], Delays(new InvalidOperationException(), 1));

    private static double?[] Delays(Exception error, int failures)
    {
        var policy = new PageRetry(new SourceOptions()).Policy with { Jitter = 0 };
        return [.. Enumerable.Range(1, failures).Select(attempt => policy.NextDelay(error, attempt, new Random(1))?.TotalSeconds)];
    }
}
