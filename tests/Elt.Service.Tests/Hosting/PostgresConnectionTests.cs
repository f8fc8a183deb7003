using Elt.Service.Hosting;

namespace Elt.Service.Tests.Hosting;

public class PostgresConnectionTests
{
    [Theory]
    [InlineData("postgresql://ada:secret@db.example:6543/elt", "db.example", 6543, "elt", "ada", "secret")]
    [InlineData("postgres://ada:secret@db.example/elt", "db.example", 5432, "elt", "ada", "secret")]
    [InlineData("postgresql://ada@db.example", "db.example", 5432, null, "ada", null)]
    [InlineData("postgresql:///elt", "localhost", 5432, "elt", null, null)]
    [InlineData("postgresql://a%40b:p%40ss%3Aw%2Frd@h/d%20b", "h", 5432, "d b", "a@b", "p@ss:w/rd")]
    [InlineData("postgresql://ada:p@ss@h/elt", "h", 5432, "elt", "ada", "p@ss")]
    [InlineData("postgresql://ada:se:cret@h/elt", "h", 5432, "elt", "ada", "se:cret")]
    [InlineData("postgresql://ada:secret@[::1]:6543/elt", "::1", 6543, "elt", "ada", "secret")]
    [InlineData("postgresql://ada:secret@/elt?host=/var/run/postgresql", "/var/run/postgresql", 5432, "elt", "ada", "secret")]
    [InlineData("postgresql://h/elt?user=ada&password=s%26t&port=7", "h", 7, "elt", "ada", "s&t")]
    [InlineData("postgresql://ada:secret@one:1,two:2/elt", "one:1,two:2", 5432, "elt", "ada", "secret")]
    [InlineData("Host=db.example;Port=6543;Username=ada;Password=secret;Database=elt", "db.example", 6543, "elt", "ada", "secret")]
    public void Urls_and_key_value_strings_are_read(string text, string host, int port, string? database, string? user, string? password)
    {
        var settings = PostgresConnection.Parse(text, "ELT_POSTGRES");
        Assert.Equal((host, port, database, user, password), (settings.Host, settings.Port, settings.Database, settings.Username, settings.Password));
    }

    [Theory]
    [InlineData("sslmode=disable", "SSL Mode=Disable")]
    [InlineData("sslmode=verify-full", "SSL Mode=VerifyFull")]
    [InlineData("connect_timeout=10", "Timeout=10")]
    [InlineData("application_name=elt%20one", "Application Name=\"elt one\"")]
    [InlineData("channel_binding=require", "Channel Binding=Require")]
    public void Parameters_of_a_url_keep_their_meaning(string parameter, string setting) =>
        Assert.Equal(
            PostgresConnection.Parse($"Host=h;Database=elt;{setting}", "ELT_POSTGRES").ConnectionString,
            PostgresConnection.Parse($"postgresql://h/elt?{parameter}", "ELT_POSTGRES").ConnectionString);

    [Theory]
    [InlineData("postgresql://ada:hunter2@h:port/elt")]
    [InlineData("postgresql://ada:hunter2@h:70000/elt")]
    [InlineData("postgresql://ada:hunter2@h/elt?sslmode=sometimes")]
    [InlineData("postgresql://ada:hunter2@h/elt?hunter2=1")]
    [InlineData("postgresql://ada:x@h/elt?connect_timeout=hunter2")]
    [InlineData("Host=h;Username=ada;Password=x;hunter2=3")]
    [InlineData("Host=h;Username=ada;Port=hunter2")]
    [InlineData("Username=ada;Password=hunter2")]
    [InlineData("hunter2")]
    public void Text_that_cannot_be_read_is_refused_without_being_shown(string text)
    {
        var refused = Assert.Throws<FormatException>(() => PostgresConnection.Parse(text, "ELT_DESTINATION"));
        Assert.StartsWith("ELT_DESTINATION cannot be read: ", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_description_holds_no_password()
    {
        var settings = PostgresConnection.Parse("postgresql://ada:hunter2@db.example:6543/elt", "ELT_POSTGRES");
        Assert.Equal("db.example:6543/elt as user 'ada'", PostgresConnection.Describe(settings));
    }
}
