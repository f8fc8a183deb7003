using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Files;

/// <summary>Which local files are read, and that what is read is one content.</summary>
public sealed class FileAccessTests : IDisposable
{
    private readonly Drawer _drawer = new();

    public void Dispose() => _drawer.Dispose();

    [Theory]
    [InlineData("file:///../outside.csv")]
    [InlineData("file:///a/../../outside.csv")]
    [InlineData("file:///%2e%2e/outside.csv")]
    [InlineData("file:///..%2Foutside.csv")]
    [InlineData("file:///a%2F..%2F..%2Foutside.csv")]
    [InlineData("file:///a%5C..%5C..%5Coutside.csv")]
    [InlineData("file:///..%252Foutside.csv")]
    [InlineData("file:///a%00b")]
    [InlineData("file:///link.csv")]
    [InlineData("file:///links/outside.csv")]
    [InlineData("file:///a")]
    [InlineData("file:///")]
    [Trait("promise", "P15")]
    public async Task Nothing_outside_the_folder_is_read(string address)
    {
        using var outside = new Drawer();
        outside.Put("outside.csv", "id,name\n1,A\n");
        _drawer.Put("a/inside.csv", "id,name\n1,A\n");
        File.Copy(Path.Combine(outside.Folder, "outside.csv"), Path.Combine(_drawer.Folder, "../outside.csv"), overwrite: true);
        File.CreateSymbolicLink(Path.Combine(_drawer.Folder, "link.csv"), Path.Combine(outside.Folder, "outside.csv"));
        Directory.CreateSymbolicLink(Path.Combine(_drawer.Folder, "links"), outside.Folder);

        var error = await _drawer.FailAsync(Drawer.Connect(address, ",\"format\":\"csv\""));

        Assert.Equal(SourceErrorClass.Permanent, error.ErrorClass);
        Assert.DoesNotContain(_drawer.Folder, error.Message, StringComparison.Ordinal);
        Assert.Single((await _drawer.ReadAsync(Drawer.Connect("file:///a/inside.csv")))[0].Records);
    }

    [Fact]
    [Trait("promise", "P15")]
    public async Task Without_a_folder_no_local_file_is_read()
    {
        using var closed = new Drawer(options => options with { FileFolder = null });

        var error = await closed.FailAsync(Drawer.Connect(closed.Put("users.csv", "id\n1\n")));

        Assert.Contains("--files", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file://host/users.csv")]
    [InlineData("ftp://host/users.csv")]
    [InlineData("users.csv")]
    public void An_address_on_another_machine_is_no_file(string address) =>
        Assert.Throws<FormatException>(() => Drawer.Connect(address));

    [Theory]
    [InlineData("users.csv", false)]
    [InlineData("users.csv", true)]
    [InlineData("users.csv.gz", true)]
    [Trait("promise", "P4")]
    public async Task A_file_that_changed_between_two_pages_is_never_mixed(string name, bool restarts)
    {
        var integration = Drawer.Connect(Put("A"));
        var first = await _drawer.FetchAsync(integration, 1, 2);
        Put("B");
        if (restarts)
            _drawer.Restart();

        var error = await Assert.ThrowsAsync<SourceException>(() => _drawer.FetchAsync(integration, 2, 2, first.NextCursor));

        Assert.Equal(SourceErrorClass.ExpiredCursor, error.ErrorClass);
        Assert.StartsWith("file_changed: The file 'users.csv", error.Message, StringComparison.Ordinal);
        Assert.Equal(["1 B|", "2 B|", "3 B|"], Drawer.Shown(await _drawer.ReadAsync(integration, 2)));

        string Put(string value)
        {
            var text = $"id,name\n1,{value}\n2,{value}\n3,{value}\n";
            var address = name.EndsWith(".gz", StringComparison.Ordinal) ? _drawer.Put(name, Drawer.Pack(text)) : _drawer.Put(name, text);
            File.SetLastWriteTimeUtc(Path.Combine(_drawer.Folder, name), new DateTime(2026, 1, value[0] - 'A' + 1, 0, 0, 0, DateTimeKind.Utc));
            return address;
        }
    }

    [Fact]
    [Trait("promise", "P4")]
    public async Task A_packed_file_that_is_replaced_while_it_is_read_is_read_to_its_end_as_it_was()
    {
        var integration = Drawer.Connect(_drawer.Put("users.csv.gz", Drawer.Pack("id,name\n1,A\n2,A\n")));
        var first = await _drawer.FetchAsync(integration, 1, 1);
        _drawer.Put("users.csv.gz", Drawer.Pack("id,name\n1,B\n2,B\n"));

        Assert.Equal(["2 A|"], Drawer.Shown([await _drawer.FetchAsync(integration, 2, 1, first.NextCursor)]));
        Assert.Equal(["1 B|", "2 B|"], Drawer.Shown(await _drawer.ReadAsync(integration, 1)));
    }

    [Fact]
    [Trait("promise", "P12")]
    public async Task A_file_over_the_size_limit_is_refused_unpacked()
    {
        using var narrow = new Drawer(options => options with { MaxFileBytes = 1000 });

        var error = await narrow.FailAsync(Drawer.Connect(narrow.Put("bomb.csv.gz", Drawer.Pack("id\n" + new string('0', 100_000)))));

        Assert.Contains("over 1,000 bytes", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(",\"format\":\"xml\"", "provider_data.format cannot be used: expected csv or jsonl or json.")]
    [InlineData(",\"compression\":\"zip\"", "provider_data.compression cannot be used: expected none or gzip.")]
    [InlineData(",\"delimiter\":\"||\"", "expected one ASCII character")]
    [InlineData(",\"delimiter\":\"\\\"\"", "expected one ASCII character")]
    public async Task A_setting_that_cannot_be_used_says_what_is_expected(string more, string expected)
    {
        var error = await _drawer.FailAsync(Drawer.Connect(_drawer.Put("users.csv", "id\n1\n"), more));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task Integrations_that_read_packed_files_by_turns_do_not_disturb_one_another()
    {
        var one = Drawer.Connect(_drawer.Put("one.csv.gz", Drawer.Pack("id,name\n1,A\n2,B\n3,C\n")));
        var two = new ConnectedIntegration(
            "other", "org-002", "file", Drawer.Connect(_drawer.Put("two.csv.gz", Drawer.Pack("id,name\n7,X\n8,Y\n9,Z\n"))).ProviderData);
        var pages = new List<SourcePage>();
        var (cursorOne, cursorTwo) = ((string?)null, (string?)null);
        for (var page = 1; page <= 3; page++)
        {
            pages.Add(await _drawer.FetchAsync(one, page, 1, cursorOne));
            cursorOne = pages[^1].NextCursor;
            pages.Add(await _drawer.FetchAsync(two, page, 1, cursorTwo));
            cursorTwo = pages[^1].NextCursor;
        }

        Assert.Equal(["1 A|", "7 X|", "2 B|", "8 Y|", "3 C|", "9 Z|"], Drawer.Shown(pages));
    }
}
