using System.Globalization;
using Elt.Pipelines.Changes.Text;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Changes.Text;

[Trait("promise", "P13")]
public sealed class CanonicalTextTests
{
    [Theory]
    [InlineData("Jos\u00e9", "Jose\u0301")]
    [InlineData("\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af")]
    [InlineData("\uac00", "\u1100\u1161")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("\u1e69", "s\u0307\u0323")]
    [InlineData("\u01d6", "u\u0308\u0304")]
    [InlineData("\u2126", "\u03a9")]
    [InlineData("\u037e", ";")]
    [InlineData("\u0958", "\u0915\u093c")]
    [InlineData("\ud834\udd5e", "\ud834\udd57\ud834\udd65")]
    [InlineData("", "")]
    [InlineData(null, null)]
    public void Texts_of_the_same_characters_are_the_same(string? left, string? right)
    {
        Assert.True(CanonicalText.AreSame(left, right));
        Assert.True(CanonicalText.AreSame(right, left));
    }

    [Theory]
    [InlineData("Jos\u00e9", "Jose")]
    [InlineData("Jos\u00e9", "Jos\u00e8")]
    [InlineData("e\u0301\u0300", "e\u0300\u0301")]
    [InlineData("\ufb01", "fi")]
    [InlineData("\u00c9", "\u00e9")]
    [InlineData("\u0131", "i")]
    [InlineData("\ud83d\ude00", "\ud83d\ude01")]
    [InlineData("a", "b")]
    [InlineData("\u00e9", "")]
    [InlineData("", null)]
    [InlineData("\u00e9", null)]
    public void Texts_of_other_characters_are_not_the_same(string? left, string? right)
    {
        Assert.False(CanonicalText.AreSame(left, right));
        Assert.False(CanonicalText.AreSame(right, left));
    }

    [Fact]
    public void A_flood_of_marks_is_compared_in_the_time_of_a_sort()
    {
        var marks = string.Concat(Enumerable.Repeat("\u0323\u0301", 30_000));

        Assert.True(CanonicalText.AreSame("a" + marks, "a" + new string('\u0323', 30_000) + new string('\u0301', 30_000)));
    }

    [Fact]
    [Trait("case", "44")]
    public async Task Another_normalization_form_is_no_change_and_the_text_stays_as_it_came()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", [new User("1", "Jos\u00e9", More: "\"team\":\"caf\u00e9\""), new User("2", "Zoe\u0308")]);

        var second = await workshop.RunAsync("run-2", [new User("1", "Jose\u0301", More: "\"team\":\"cafe\u0301\""), new User("2", "Zo\u00eb")]);
        var third = await workshop.RunAsync("run-3", [new User("1", "Jose\u0301", "other", "\"team\":\"cafe\u0301\""), new User("2", "Zo\u00e8")]);

        Assert.Equal((0, 0), (second.Updates, second.Inserts));
        Assert.Equal(["Jos\u00e9", "Zoe\u0308"], workshop.Rows("select name from users_cdc where workflow_id = 'run-1' order by external_id"));
        Assert.Equal(2, third.Updates);
        Assert.Equal(["UPDATE|1|email", "UPDATE|2|name"], workshop.ChangesOf("run-3"));
        Assert.Equal(["Jose\u0301", "Zo\u00e8"], workshop.Rows("select name from users_latest order by external_id"));
    }

    [Fact]
    [Trait("case", "43")]
    public async Task Another_case_of_an_email_updates_the_record_and_is_the_same_person()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", [new User("1", Email: "Ada@example.org")]);
        var id = workshop.Rows("select id from users_latest");

        var second = await workshop.RunAsync("run-2", [new User("1", Email: "ada@example.org")]);

        Assert.Equal((0, 1, 0), (second.Inserts, second.Updates, second.Deletes));
        Assert.Equal(["UPDATE|1|email"], workshop.ChangesOf("run-2"));
        Assert.Equal([$"{id[0]}|ada@example.org"], workshop.Rows("select id, email from users_latest"));
    }

    [Fact]
    public async Task The_culture_of_the_machine_changes_nothing()
    {
        Assert.Throws<CultureNotFoundException>(() => new CultureInfo("tr-TR"));
        var before = CultureInfo.CurrentCulture;
        var odd = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (odd.NumberFormat.NumberDecimalSeparator, odd.NumberFormat.NegativeSign, odd.DateTimeFormat.TimeSeparator) = (",", "~", ".");
        CultureInfo.CurrentCulture = odd;
        try
        {
            using var workshop = await Workshop.CreateAsync();
            User[] users = [new("I", "ISTANBUL", "I@example.org"), new("i", "\u0130stanbul", "i@example.org", "\"n\":-1.5")];
            await workshop.RunAsync("run-1", users);

            Assert.Equal(0, (await workshop.RunAsync("run-2", users)).Updates);
            Assert.Equal(["I|ISTANBUL|-", "i|\u0130stanbul|{\"n\":-1.5}"], workshop.Rows("select external_id, name, attributes from users_latest order by 1"));
            Assert.Matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:", workshop.Rows("select last_updated from users_latest")[0]);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
