using Elt.Pipelines.Quality;
using Elt.Pipelines.Quality.Rules;
using Xunit;

namespace Elt.Pipelines.Tests.Quality;

/// <summary>The score of each dimension, and their mean by weight.</summary>
[Trait("promise", "P6")]
public sealed class DimensionTests : IAsyncLifetime
{
    private const string Mail = """{"id":"mail","kind":"format","format":"email","field":"email"}""";
    private const string Named = """{"id":"named","kind":"required","field":"name"}""";
    private const string OneEach = """{"id":"one","kind":"unique","field":"email"}""";
    private const string Short = """{"id":"short","kind":"length","max":1,"field":"name","severity":"warning"}""";
    private const string MostNamed = """{"id":"most","kind":"nullRate","max":0,"field":"name"}""";
    private const string Fresh = """{"id":"fresh","kind":"freshness","maxAgeHours":24}""";
    private const string Enough = """{"id":"enough","kind":"rowCount","min":5}""";

    private RuledRuns _runs = null!;

    public async Task InitializeAsync() => _runs = await RuledRuns.CreateAsync();

    public Task DisposeAsync()
    {
        _runs.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Each_record_lowers_the_dimensions_of_the_rules_that_it_fails_and_no_other()
    {
        await _runs.RunAsync(
            "run-1", [Named, Mail, OneEach, Short],
            [.. Many(15), User("a", null, "a@x.org"), User("b", "B", "no"), User("c", "C", "same@x.org"), User("d", null, "same@x.org"), """{"name":"K","email":"k@x.org"}"""]);

        Assert.Equal(new QualityDimensions(85, 95, 90, null, 90.55), Newest());
    }

    [Fact]
    public async Task A_rule_on_the_run_that_fails_fails_for_all_records_and_a_null_rate_for_those_without_the_value()
    {
        string[] old = [User("a", null, "a@x.org"), User("b", "B", "b@x.org"), User("c", "C", "c@x.org"), User("d", "D", "d@x.org")];
        await _runs.RunAsync("run-1", [MostNamed, Fresh], old);
        Assert.Equal(new QualityDimensions(75, 100, null, 0, 78.12), Newest());

        await _runs.RunAsync("run-2", [Enough, Fresh], [.. old, User("e", "E", "e@x.org", changed: _runs.Time.Now)]);
        Assert.Equal(new QualityDimensions(100, 100, null, 100, 100), Newest());

        await _runs.RunAsync("run-3", [Enough], old);
        Assert.Equal(new QualityDimensions(0, 100, null, null, 57.14), Newest());
    }

    [Fact]
    public async Task The_last_24_hours_count_only_runs_that_have_looked_at_a_dimension()
    {
        await _runs.RunAsync("run-1", [Mail, OneEach], [.. Many(4), User("a", "A", "same@x.org"), User("b", "B", "same@x.org")]);
        await _runs.RunAsync("run-2", [Mail], [.. Many(2)]);

        Assert.Equal(new QualityDimensions(100, 100, 66.66, null, 94.44), _runs.Report().Dimensions);
        Assert.Equal(new QualityDimensions(null, null, null, null, null), _runs.Report("org-002").Dimensions);
    }

    [Fact]
    public async Task Weights_of_an_integration_count_in_place_of_the_default()
    {
        _runs.Weights = """{"completeness":0,"validity":0.5,"uniqueness":1.5,"freshness":0}""";
        await _runs.RunAsync("run-1", [Named, Mail, OneEach], [User("a", null, "a@x.org"), User("b", "B", "no"), User("c", "C", "c@x.org"), User("d", "D", "d@x.org")]);

        Assert.Equal(new QualityDimensions(75, 75, 100, null, 93.75), Newest());
    }

    [Theory]
    [InlineData(0, 0, 1_000_000, 10_000L)]
    [InlineData(0, 1, 1_000_000, 9_999L)]
    [InlineData(7, 7, 7, 0L)]
    [InlineData(0, 0, 0, null)]
    public void The_weighted_score_is_cut_and_100_only_when_all_are_valid(long incomplete, long malformed, long records, long? score) =>
        Assert.Equal(score, new DimensionCounts(incomplete, malformed, Repeated: null, Stale: null).Weigh(new QualityWeights(), records));

    private QualityDimensions Newest() => Assert.Single(_runs.Report().Pipelines).Dimensions;

    private static string[] Many(int count) => [.. Enumerable.Range(1, count).Select(i => User($"u-{i:00}", "Name", $"u-{i:00}@x.org"))];

    private static string User(string id, string? name, string email, DateTimeOffset? changed = null) =>
        $$"""{"id":"{{id}}","email":"{{email}}","changed":"{{changed ?? new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero):O}}"{{(name is null ? "" : $",\"name\":\"{name}\"")}}}""";
}
