using Elt.Pipelines.Datasets;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Elt.Testing;
using Xunit;

namespace Elt.Pipelines.Tests.Datasets;

/// <summary>What a file may declare.</summary>
public sealed class DatasetDeclarationTests
{
    private const string Small = """{"name":"groups","key":"Id of the group.","columns":[{"name":"title","type":"text"},{"name":"members","type":"integer"}]}""";

    [Fact]
    public void The_schema_beside_the_declarations_is_what_the_model_gives()
    {
        var file = Path.Combine(ManifestTests.Root(), "src/Elt.Pipelines/Datasets/dataset.schema.json");
        // Set it once after the model has changed.
        if (Environment.GetEnvironmentVariable("ELT_WRITE_SCHEMA") is not null)
            File.WriteAllText(file, DatasetDeclaration.JsonSchema + "\n");

        Assert.Equal(DatasetDeclaration.JsonSchema + "\n", File.ReadAllText(file));
    }

    [Fact]
    public void A_folder_adds_datasets_to_the_built_in_one()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("groups.json"), Small);
        File.WriteAllText(folder.File("dataset.schema.json"), "{}");

        var library = new DatasetLibrary(folder.Path);

        Assert.Equal(["users", "groups"], library.Names);
        Assert.Equal(new[] { new DatasetColumn("title"), new DatasetColumn("members", ColumnKind.Integer) }, library.Get("groups").Columns);
        Assert.Equal("Id of the group.", library.Get("groups").Key);
        Assert.Contains("put teams.json back", Assert.Throws<RunStateException>(() => library.Get("teams")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"key\":", "\"keys\":", "$.keys: ", "'keys'")]
    [InlineData("\"key\":\"Id of the group.\",", "", "$: ", "'key'")]
    [InlineData("Id of the group.", " ", "$.key: expected what identifies", "found nothing")]
    [InlineData("\"title\",\"type\"", "\"title\",\"default\":1,\"type\"", "$.columns[0].default: ", "'default'")]
    [InlineData("\"integer\"", "\"money\"", "$.columns[1].type: ", "expected text, integer, decimal, boolean, timestamp, json, remainingMembers.")]
    [InlineData("\"integer\"", "1", "$.columns[1].type: ", "expected text, integer, decimal, boolean, timestamp, json, remainingMembers.")]
    [InlineData("\"text\"},{\"name\":\"members\",\"type\":\"integer\"", "\"remainingMembers\"},{\"name\":\"more\",\"type\":\"remainingMembers\"", "$.columns: ", "found several")]
    [InlineData("\"members\"", "\"title\"", "$.columns[1].name: expected each column once", "'title' again")]
    [InlineData("\"members\"", "\"Members\"", "$.columns[1].name: expected at most 56 lower case letters", "'Members'")]
    [InlineData("\"members\"", "\"a345678901234567890123456789012345678901234567890123456789\"", "$.columns[1].name: expected at most 56", "'a3456")]
    [InlineData("\"members\"", "\"members\\n\"", "$.columns[1].name: expected at most 56", "'members")]
    [InlineData("\"members\"", "\"external_id\"", "$.columns[1].name: 'external_id' is a column that the tables have", "another name")]
    [InlineData("[{\"name\":\"title\",\"type\":\"text\"},{\"name\":\"members\",\"type\":\"integer\"}]", "[]", "$.columns: expected 1 to 50", "found 0")]
    [InlineData("\"groups\"", "\"teams\"", "$.name: expected 'groups', as the file is named", "'teams'")]
    public void A_declaration_that_cannot_be_used_says_where_and_why(string text, string instead, string where, string found)
    {
        var error = Assert.Throws<FormatException>(() => DatasetDeclaration.Parse(Small.Replace(text, instead, StringComparison.Ordinal), "groups.json"));

        Assert.StartsWith("groups.json, " + where, error.Message, StringComparison.Ordinal);
        Assert.Contains(found, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("users", "would be one of the dataset 'users' as well")]
    [InlineData("users_history", "the table 'users_history' of 'users_history' would be one of the dataset 'users'")]
    [InlineData("incoming", "'incoming' is reserved")]
    [InlineData("pg_groups", "'pg_groups' is reserved")]
    [InlineData("2groups", "a letter first, found '2groups'")]
    [InlineData("gruppen-x", "found 'gruppen-x'")]
    [InlineData("a3456789012345678901234567890123456789012345678x", "expected at most 47 lower case letters")]
    public void A_name_that_cannot_begin_the_names_of_tables_is_refused(string name, string why)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File(name + ".json"), Small.Replace("\"groups\"", $"\"{name}\"", StringComparison.Ordinal));

        var error = Assert.Throws<FormatException>(() => new DatasetLibrary(folder.Path));

        Assert.Contains(why, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"dataset\":\"teams\"", "$.dataset: expected users or groups, found 'teams'")]
    [InlineData("\"dataset\":\"users\"", "$.fields: expected the columns name, email of users, found 'title'")]
    [InlineData("\"auth\":{\"type\":\"none\"}", "$.fields: expected the columns name, email of users, found 'title'")]
    [InlineData("\"dataset\":\"groups\"", null)]
    [InlineData("\"dataset\":\"groups\",\"fields\":{\"members\":{\"from\":[\"/m\"],\"type\":\"number\"}}", "$.fields.members.type: expected none, since the column is declared as integer")]
    [InlineData("\"dataset\":\"groups\",\"quality\":{\"rules\":[{\"id\":\"r\",\"kind\":\"required\",\"field\":\"members\",\"action\":\"default\",\"default\":\"many\"}]}", "$.quality.rules[0].default: expected integer, found 'many'")]
    [InlineData("\"dataset\":\"groups\",\"quality\":{\"rules\":[{\"id\":\"r\",\"kind\":\"required\",\"field\":\"members\",\"action\":\"default\",\"default\":\"1.0\"}]}", "$.quality.rules[0].default: expected the spelling '1', found '1.0'")]
    [InlineData("\"dataset\":\"groups\",\"quality\":{\"rules\":[{\"id\":\"r\",\"kind\":\"required\",\"field\":\"members\",\"action\":\"default\",\"default\":\"1\"}]}", null)]
    [InlineData("\"dataset\":\"groups\",\"quality\":{\"rules\":[{\"id\":\"r\",\"kind\":\"required\",\"field\":\"tags\",\"action\":\"default\",\"default\":\"x\"}]}", "$.quality.rules[0].default: expected nothing")]
    [InlineData("\"dataset\":\"groups\",\"fields\":{\"tags\":{\"from\":[\"/t\"],\"join\":\",\"}}", "$.fields.tags: expected neither join nor transform")]
    public void A_connector_names_the_dataset_that_it_feeds(string member, string? problem)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("groups.json"), Small.Replace("]}", ",{\"name\":\"tags\",\"type\":\"json\"}]}", StringComparison.Ordinal));
        var fields = member.Contains("fields", StringComparison.Ordinal) ? "" : "\"fields\":{\"title\":{\"from\":[\"/n\"]}},";
        var json = $$$"""{"name":"small",{{{member}}},{{{fields}}}"pagination":{"type":"none"},"records":{"path":""},"key":["/id"]}""";

        var error = Record.Exception(() => Connector.Parse(json, "small.json", new DatasetLibrary(folder.Path)));

        Assert.Equal(problem is null, error is null);
        Assert.Contains(problem ?? "", error?.Message ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_declaration_that_cannot_be_used_stops_the_start()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("groups.json"), "{");

        var error = await Assert.ThrowsAsync<PipelineSetupException>(() => PipelineHost.StartAsync(options => options with { DatasetFolder = folder.Path }));

        Assert.StartsWith($"The datasets cannot be used: {folder.File("groups.json")}, $", error.Message, StringComparison.Ordinal);
    }
}
