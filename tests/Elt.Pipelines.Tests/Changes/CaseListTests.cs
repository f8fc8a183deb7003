using Xunit;

namespace Elt.Pipelines.Tests.Changes;

/// <summary>The numbered cases of change detection, each shown by a test that carries its number.</summary>
public sealed class CaseListTests
{
    [Fact]
    public void Each_case_has_a_test()
    {
        // 24, 29, 45 and 50 do not exist.
        int[] expected = [.. Enumerable.Range(1, 23), .. Enumerable.Range(25, 4), 30, 42, 43, 44, .. Enumerable.Range(46, 4), .. Enumerable.Range(51, 7), .. Enumerable.Range(59, 4)];

        var found = typeof(CaseListTests).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods())
            .SelectMany(method => method.GetCustomAttributesData())
            .Where(attribute => attribute.AttributeType == typeof(TraitAttribute) && (string)attribute.ConstructorArguments[0].Value! == "case")
            .Select(attribute => int.Parse((string)attribute.ConstructorArguments[1].Value!, System.Globalization.CultureInfo.InvariantCulture))
            .ToHashSet();

        Assert.Equal([], expected.Except(found));
    }
}
