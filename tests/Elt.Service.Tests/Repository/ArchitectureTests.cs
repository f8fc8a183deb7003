using System.Text.RegularExpressions;
using Xunit;

namespace Elt.Service.Tests.Repository;

public sealed partial class ArchitectureTests
{
    [Theory]
    [InlineData("src/Elt.Durable/Elt.Durable.csproj")]
    [InlineData("src/Elt.Pipelines/Elt.Pipelines.csproj", "Elt.Durable")]
    [InlineData("src/Elt.Service/Elt.Service.csproj", "Elt.Pipelines")]
    [InlineData("src/Elt.Cli/Elt.Cli.csproj")]
    public void Dependencies_point_one_way(string project, params string[] allowed)
    {
        var references = ProjectReference().Matches(File.ReadAllText(Path.Combine(Checkout.Root, project))).Select(m => m.Groups[1].Value);
        Assert.Equal(allowed, references);
    }

    [Theory]
    [InlineData("src", 400)]
    [InlineData("tests", 600)]
    public void No_file_is_longer_than_a_reader_likes(string folder, int lines) =>
        Assert.All(Checkout.Sources(folder), file => Assert.True(File.ReadLines(file).Count() <= lines, $"{Checkout.Relative(file)} has over {lines} lines."));

    [Fact]
    public void The_engine_knows_no_word_of_the_pipeline() => Assert.All(
        Checkout.Sources("src/Elt.Durable"),
        file => Assert.DoesNotMatch(PipelineWord(), File.ReadAllText(file)));

    [Theory]
    [InlineData("using Npgsql", "src/Elt.Durable/Journal/Postgres/", "src/Elt.Durable/Ledger/", "src/Elt.Durable/DurableBuilder.cs",
        "src/Elt.Durable/Queues/Postgres", "src/Elt.Durable/Schedules/Postgres", "src/Elt.Durable/Messages/Postgres", "src/Elt.Durable/Streams/Postgres", "src/Elt.Durable/Control/Postgres",
        "src/Elt.Pipelines/Destinations/", "src/Elt.Pipelines/Integrations/", "src/Elt.Pipelines/Schema/", "src/Elt.Pipelines/PipelineDatabases.cs",
        "src/Elt.Pipelines/PipelineOptions.cs", "src/Elt.Pipelines/Sources/Budgets/", "src/Elt.Pipelines/PipelineRegistration.cs", "src/Elt.Service/Hosting/")]
    [InlineData("using Quartz", "src/Elt.Durable/Schedules/CronSchedule.cs")]
    [InlineData("using Bogus", "src/Elt.Service/Demo/")]
    [InlineData("using Spectre.Console", "src/Elt.Cli/")]
    public void A_library_is_used_only_where_it_belongs(string usage, params string[] places) => Assert.All(
        Checkout.Sources("src").Where(file => File.ReadAllText(file).Contains(usage, StringComparison.Ordinal)).Select(Checkout.Relative),
        file => Assert.True(places.Any(place => file.StartsWith(place, StringComparison.Ordinal)), $"{file} says '{usage}'."));

    [Fact]
    public void Folders_are_nouns_of_the_domain() => Assert.DoesNotContain(
        Directory.EnumerateDirectories(Path.Combine(Checkout.Root, "src"), "*", SearchOption.AllDirectories).Select(Path.GetFileName),
        name => name is "Utils" or "Helpers" or "Common" or "Models" or "Services" or "Managers" or "Infrastructure");

    [GeneratedRegex(@"ProjectReference Include=""[^""]*/([\w.]+)\.csproj""")]
    private static partial Regex ProjectReference();

    [GeneratedRegex(@"\b(extract|staging|integration|warehouse|tenant|connector)s?\b", RegexOptions.IgnoreCase)]
    private static partial Regex PipelineWord();
}
