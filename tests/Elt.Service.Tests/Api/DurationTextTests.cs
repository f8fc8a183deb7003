using Elt.Service.Api;

namespace Elt.Service.Tests.Api;

public class DurationTextTests
{
    [Theory]
    [InlineData("500ms", 0.5)]
    [InlineData("30s", 30)]
    [InlineData("1.5s", 1.5)]
    [InlineData("10m", 600)]
    [InlineData("2h", 7200)]
    [InlineData("30", 30)]
    [InlineData("0", 0)]
    public void Durations_are_read(string text, double seconds)
    {
        Assert.True(DurationText.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromSeconds(seconds), duration);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("10 m")]
    [InlineData("1e3")]
    [InlineData("NaN")]
    [InlineData("10d")]
    [InlineData("99999h")]
    public void Other_text_is_no_duration(string text) => Assert.False(DurationText.TryParse(text, out _));
}
