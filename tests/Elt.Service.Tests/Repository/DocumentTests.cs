using System.Text.RegularExpressions;
using Xunit;

namespace Elt.Service.Tests.Repository;

public sealed partial class DocumentTests
{
    public static TheoryData<string> Documents =>
        ["README.md", "ARCHITECTURE.md", "IDEMPOTENCY.md", "CHANGELOG.md", "src/Elt.Durable/README.md", "docs/reliability.md"];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_path_a_document_names_exists(string document)
    {
        var text = File.ReadAllText(Path.Combine(Checkout.Root, document));
        var paths = CodePath().Matches(text).Select(m => m.Groups[1].Value)
            .Concat(Link().Matches(text).Select(m => Path.Combine(Path.GetDirectoryName(document)!, m.Groups[1].Value)));
        Assert.All(paths, path => Assert.True(Path.Exists(Path.Combine(Checkout.Root, path)), $"{document} names {path}, which does not exist."));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_test_a_document_names_exists(string document)
    {
        var tests = Checkout.Sources("tests").SelectMany(file => TestMethod().Matches(File.ReadAllText(file))).Select(m => m.Groups[1].Value).ToHashSet();
        Assert.NotEmpty(tests);
        var named = TestName().Matches(File.ReadAllText(Path.Combine(Checkout.Root, document))).Select(m => m.Groups[1].Value);
        Assert.All(named, name => Assert.True(tests.Contains(name), $"{document} names the test {name}, which does not exist."));
    }

    [Fact]
    public void The_readme_is_short() => Assert.InRange(File.ReadAllLines(Path.Combine(Checkout.Root, "README.md")).Length, 1, 200);

    [GeneratedRegex(@"`((?:src|tests|scripts|docs|\.ci)/[^`\s*<>…]+)`")]
    private static partial Regex CodePath();

    [GeneratedRegex(@"\]\((?!https?:|#)([^)#\s]+)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`([A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+){3,})`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"public (?:async )?(?:Task|void) ([A-Z]\w+)\(")]
    private static partial Regex TestMethod();
}
