using Elt.Service.Hosting;

namespace Elt.Service.Tests.Hosting;

public class ListenUrlTests
{
    [Theory]
    [InlineData("http://localhost:8080", "http://localhost:8080")]
    [InlineData("http://127.0.0.1:0", "http://127.0.0.1:0")]
    [InlineData("http://localhost:0", "http://127.0.0.1:0")]
    [InlineData("http://127.8.8.8:81/", "http://127.8.8.8:81")]
    [InlineData("http://[::1]:8080; http://localhost:81", "http://[::1]:8080|http://localhost:81")]
    public void Loopback_is_listened_on(string text, string expected) =>
        Assert.Equal(expected.Split('|'), ListenUrl.Parse(text));

    [Theory]
    [InlineData("http://0.0.0.0:8080")]
    [InlineData("http://*:8080")]
    [InlineData("http://+:8080")]
    [InlineData("http://[::]:8080")]
    [InlineData("http://192.168.1.2:8080")]
    [InlineData("http://elt.example:8080")]
    [InlineData("http://localhost.example:8080")]
    [InlineData("http://localhost:8080;http://0.0.0.0:8081")]
    public void Other_machines_are_not_let_in(string text) =>
        Assert.Contains("loopback only", Assert.Throws<FormatException>(() => ListenUrl.Parse(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("localhost:8080")]
    [InlineData("https://localhost:8080")]
    [InlineData("http://localhost:8080/path")]
    [InlineData("http://localhost:port")]
    public void What_is_no_address_is_refused(string text) => Assert.Throws<FormatException>(() => ListenUrl.Parse(text));
}
